/**
 * The control of each runtime: a POST is answered with JSON, and a robot gets the frame that offers the job. Nothing is
 * checked, decided or kept.
 */

/** A robot's socket. */
export interface Peer {
  send(text: string): void
}

const PATH = '/api/v1/jobs'
/** As much as our answer to a submission, and as our offer, has besides the id. */
const FILL = 'x'.repeat(600)

export class Relay {
  readonly #peers: Peer[] = []
  #jobs = 0

  /** Takes a frame: a socket's first one makes it a robot; the others are read. */
  received(peer: Peer, text: string): void {
    const { type } = JSON.parse(text) as { readonly type: string }
    if (type !== 'register') return
    this.#peers.push(peer)
    peer.send(JSON.stringify({ type: 'register_ack', payload: { success: true } }))
  }

  /** Takes a request by its method, path and body. */
  answer(method: string, path: string, body: string): { readonly status: number; readonly body: string } {
    if (method !== 'POST' || path !== PATH) return { status: 200, body: '{}' }
    const { workflow_id } = JSON.parse(body) as { readonly workflow_id: string }
    const id = `job-${++this.#jobs}`
    const peer = this.#peers[this.#jobs % this.#peers.length]
    peer?.send(JSON.stringify({ type: 'job_assign', payload: { job_id: id, workflow_id, offer: 1, fill: FILL } }))
    return { status: 201, body: JSON.stringify({ id, workflow_id, status: 'queued', fill: FILL }) }
  }
}
