import { type Peer, Relay } from './relay.ts'

/** The control on workerd: a Worker before a Durable Object that has all sockets, as ours has them. */

interface PlatformSocket extends Peer {
  accept(): void
}
interface Environment {
  readonly RELAY: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
}
interface State {
  acceptWebSocket(socket: PlatformSocket): void
}
const { WebSocketPair } = globalThis as unknown as {
  readonly WebSocketPair: new () => readonly [unknown, PlatformSocket]
}

export class RelayObject {
  readonly #relay = new Relay()
  readonly #state: State

  constructor(state: State) {
    this.#state = state
  }

  async fetch(request: Request): Promise<Response> {
    if (request.headers.get('upgrade') === 'websocket') {
      const { 0: client, 1: server } = new WebSocketPair()
      this.#state.acceptWebSocket(server)
      return new Response(null, { status: 101, webSocket: client } as ResponseInit)
    }
    const { status, body } = this.#relay.answer(request.method, new URL(request.url).pathname, await request.text())
    return new Response(body, { status, headers: { 'Content-Type': 'application/json' } })
  }

  webSocketMessage(socket: PlatformSocket, text: string): void {
    this.#relay.received(socket, text)
  }
}

const worker = {
  fetch: (request: Request, { RELAY }: Environment): Promise<Response> =>
    RELAY.get(RELAY.idFromName('relay')).fetch(request),
}

// The platform asks for a default export.
export { worker as default }
