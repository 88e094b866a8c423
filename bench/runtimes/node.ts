import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import crossws from 'crossws/adapters/node'
import { Relay } from './relay.ts'

/** The control on Node: node:http and crossws, as ours has them. */

const relay = new Relay()
const sockets = crossws({
  serverOptions: { perMessageDeflate: false },
  hooks: { message: (peer, message) => relay.received(peer, message.text()) },
})
const server = createServer((request, response) => {
  let text = ''
  request.setEncoding('utf8').on('data', (part: string) => text += part).on('end', () => {
    const { status, body } = relay.answer(request.method ?? '', request.url ?? '', text)
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
    response.writeHead(status, headers).end(body)
  })
})
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {})
  void sockets.handleUpgrade(request, socket, head)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`))
