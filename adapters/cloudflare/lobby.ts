import { v7 as uuidv7 } from 'uuid'
import pkg from '../../package.json' with { type: 'json' }
import type { SocketId } from '../../core/ids.ts'
import type { Platform } from '../fleet.ts'
import { httpApp } from '../http/app.ts'
import { noteAddress } from '../http/address.ts'
import { openLobby } from '../lobby.ts'
import { drain } from './body.ts'
import { connecting } from './connecting.ts'
import { isUpgrade } from './cutting.ts'
import { type Env, settingsOf } from './env.ts'
import { answerClose } from './socket.ts'

/** Answers requests for fleets that do not exist, in the Worker itself, as a fleet answers clients that it does not know. */

let app: ReturnType<typeof httpApp> | undefined

/** A request for such a fleet, or a robot that wants to connect to it. */
export async function serveInLobby(request: Request, env: Env): Promise<Response> {
  if (isUpgrade(request)) return await seat(request, env)
  const about = { version: pkg.version, durability: 'full' } as const
  app ??= httpApp(await openLobby(platform(), settingsOf(env)), about, { anywhere: true, hidden: true })
  noteAddress(request, request.headers.get('cf-connecting-ip'))
  const response = await app.fetch(request)
  await drain(request, response)
  return response
}

/** A lobby for each connection: the platform lets none speak for another. */
async function seat(request: Request, env: Env): Promise<Response> {
  // Where no key is asked for, there is none that could be wrong.
  const settings = { ...settingsOf(env), robotsAuth: 'key' } as const
  const asked = connecting(request, settings)
  if (asked instanceof Response) return asked
  const { 0: client, 1: server } = new WebSocketPair()
  const lobby = await openLobby(platform(), settings)
  const id = crypto.randomUUID() as SocketId
  server.accept()
  const gone = (): void => {
    lobby.closed(id)
    void lobby.stop()
  }
  server.addEventListener('message', ({ data }) => void lobby.heard(id, data))
  server.addEventListener('close', ({ code, reason }) => {
    answerClose(server, code, reason)
    gone()
  })
  server.addEventListener('error', gone)
  const socket = {
    id,
    address: request.headers.get('cf-connecting-ip'),
    send: (text: string) => server.send(text),
    close: (code: number, reason: string) => answerClose(server, code, reason),
    buffered: () => 0,
  }
  lobby.opened(socket, asked.credential, asked.robot)
  return new Response(null, { status: 101, webSocket: client })
}

function platform(): Platform {
  let timer: ReturnType<typeof setTimeout> | undefined
  return {
    hibernates: false,
    now: Date.now,
    uuid: () => crypto.randomUUID(),
    rowId: uuidv7,
    seed: () => 1,
    soon: (run, ms = 0) => void setTimeout(run, ms),
    alarm(at, ring) {
      clearTimeout(timer)
      if (at !== null) timer = setTimeout(ring, Math.max(0, at - Date.now()))
    },
    post: () => Promise.reject(new Error('nothing is sent from here')),
    log: (level, message, details = {}) => console.log(JSON.stringify({ level, msg: message, ...details })),
  }
}
