import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/**
 * The treatment of a request on its way to a server. `lost answer`: the server executes it, and the connection breaks
 * before the answer arrives; `held`: it arrives when it is released, even if the sender has given up.
 */
export type Fate = 'through' | 'lost answer' | 'held'

/** The network between a store and its server, with its faults in the hands of a test. */
export class Network {
  /** Decides about each request by what is in it. */
  fate: (body: string) => Fate = () => 'through'
  /** The number of requests so far. */
  requests = 0
  readonly #to: string
  readonly #server = createServer((request, response) => void this.#carry(request, response))
  readonly #held: (() => Promise<void>)[] = []

  private constructor(to: string) {
    this.#to = to
  }

  static async between(to: string): Promise<Network> {
    const network = new Network(to)
    network.#server.listen(0, '127.0.0.1')
    await once(network.#server, 'listening')
    return network
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Lets the held requests arrive. Resolves when the server has done them. */
  async letGo(): Promise<void> {
    for (const go of this.#held.splice(0)) await go()
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #carry(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const body = await text(request)
    const pass = async (): Promise<void> => {
      const answer = await fetch(this.#to + request.url, {
        method: request.method ?? 'GET',
        headers: { 'content-type': 'application/json', 'authorization': request.headers.authorization ?? '' },
        ...(body === '' ? {} : { body }),
      })
      const content = await answer.text()
      if (fate === 'lost answer') return void response.destroy()
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
      response.end(content)
    }
    const fate = this.fate(body)
    if (fate === 'held') this.#held.push(pass)
    // Nobody there: the connection breaks, as it would without us.
    else await pass().catch(() => response.destroy())
  }
}
