import { Relay } from './relay.ts'

/** The control on Deno: its own server and sockets. */

interface DenoSockets {
  serve(
    options: { readonly port: number; readonly hostname: string; readonly onListen: (at: { port: number }) => void },
    handler: (request: Request) => Promise<Response>,
  ): unknown
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response }
}
const { serve, upgradeWebSocket } = (globalThis as unknown as { readonly Deno: DenoSockets }).Deno

const relay = new Relay()
const onListen = ({ port }: { port: number }): void => console.log(`listening on ${port}`)
serve({ port: 0, hostname: '127.0.0.1', onListen }, async (request) => {
  if (request.headers.get('upgrade') === 'websocket') {
    const { socket, response } = upgradeWebSocket(request)
    socket.addEventListener('message', ({ data }) => relay.received(socket, String(data)))
    return response
  }
  const { status, body } = relay.answer(request.method, new URL(request.url).pathname, await request.text())
  return new Response(body, { status, headers: { 'Content-Type': 'application/json' } })
})
