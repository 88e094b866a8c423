import pkg from '../../package.json' with { type: 'json' }
import type { SocketId } from '../../core/base/ids.ts'
import type { Platform } from '../fleet/fleet.ts'
import { httpApp } from '../http/app.ts'
import { rowIds } from '../crypto/ids.ts'
import { setPeerAddress } from '../net/client-address.ts'
import { openEmptyFleet } from '../hosting/empty-fleet.ts'
import { drainBody } from './body.ts'
import { readRobotUpgrade } from './robot-upgrade.ts'
import { isUpgradeRequest } from './robot-connection.ts'
import { settingsOf, type WorkerEnv } from './env.ts'
import { answerClose } from './socket.ts'

/** Answers requests for fleets that do not exist in the Worker itself, the way a fleet answers unknown clients. */

let app: ReturnType<typeof httpApp> | undefined

/** Serves a request, or a robot's connection, for such a fleet. */
export async function serveUnknownFleet(request: Request, env: WorkerEnv): Promise<Response> {
  if (isUpgradeRequest(request)) return await connectUnknown(request, env)
  const about = { version: pkg.version, durability: 'full' } as const
  app ??= httpApp(await openEmptyFleet(platform(), settingsOf(env)), about, { anyFleet: true, hidden: true })
  setPeerAddress(request, request.headers.get('cf-connecting-ip'))
  const response = await app.fetch(request)
  await drainBody(request, response)
  return response
}

/** An empty fleet for each connection, because the platform does not let one connection act for another. */
async function connectUnknown(request: Request, env: WorkerEnv): Promise<Response> {
  // With open authentication no key could be wrong, so ask for one.
  const settings = { ...settingsOf(env), robotsAuth: 'key' } as const
  const asked = readRobotUpgrade(request, settings)
  if (asked instanceof Response) return asked
  const { 0: client, 1: server } = new WebSocketPair()
  const emptyFleet = await openEmptyFleet(platform(), settings)
  const id = crypto.randomUUID() as SocketId
  server.accept()
  const onClose = (): void => {
    emptyFleet.closed(id)
    void emptyFleet.stop()
  }
  server.addEventListener('message', ({ data }) => void emptyFleet.received(id, data))
  server.addEventListener('close', ({ code, reason }) => {
    answerClose(server, code, reason)
    onClose()
  })
  server.addEventListener('error', onClose)
  const socket = {
    id,
    address: request.headers.get('cf-connecting-ip'),
    send: (text: string) => server.send(text),
    close: (code: number, reason: string) => answerClose(server, code, reason),
    buffered: () => 0,
  }
  emptyFleet.opened(socket, asked.credential, asked.robot)
  return new Response(null, { status: 101, webSocket: client })
}

function platform(): Platform {
  let timer: ReturnType<typeof setTimeout> | undefined
  return {
    hibernates: false,
    now: Date.now,
    uuid: () => crypto.randomUUID(),
    rowId: rowIds(),
    seed: () => 1,
    defer: (run, ms = 0) => void setTimeout(run, ms),
    setAlarm(at, onAlarm) {
      clearTimeout(timer)
      if (at !== null) timer = setTimeout(onAlarm, Math.max(0, at - Date.now()))
    },
    post: () => Promise.reject(new Error('nothing is sent from here')),
    log: (level, message, details = {}) => console.log(JSON.stringify({ level, msg: message, ...details })),
  }
}
