import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import crossws, { type NodeAdapter } from 'crossws/adapters/node'
import type { Peer } from 'crossws'
import { serveTasks } from '../child.ts'

/** Control (b): crossws as it comes. Two frames in, one frame out, as long as ours; nothing is parsed or written. */

interface Plan {
  readonly ack: string
  readonly assign: string
  /** Jobs that each connection has under way. */
  readonly window: number
  /** One in so many frames is answered; 2, unless given. */
  readonly every?: number
}

function echo({ ack, assign, window, every = 2 }: Plan): NodeAdapter {
  const frames = new Map<string, number>()
  const received = (peer: Peer, text: string): void => {
    const count = frames.get(peer.id)
    frames.set(peer.id, (count ?? 0) + 1)
    if (count === undefined) {
      peer.send(ack)
      for (let n = 0; n < window; n++) peer.send(assign)
    } else if (count % every === 0 && text.length > 0) peer.send(assign)
  }
  return crossws({
    serverOptions: { perMessageDeflate: false },
    hooks: { message: (peer, message) => received(peer, message.text()) },
  })
}

serveTasks({
  listen(plan: Plan): Promise<number> {
    const ws = echo(plan)
    const server = createServer()
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {})
      void ws.handleUpgrade(request, socket, head)
    })
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
  },
})
