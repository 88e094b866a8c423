import { health } from '../../../core/api/health.ts'
import { instantText } from '../../../core/base/instant.ts'
import { Answered, type Handlers, handlers } from '../kit/serve.ts'

/** The properties of the process that the health check and `/` show. */
export interface About {
  readonly version: string
  readonly durability: 'full' | 'relaxed' | 'server'
}

/** The answered changes that a power cut may lose. */
export const MAY_LOSE = {
  relaxed: 'a power cut loses what was answered since the last checkpoint: up to 4 MB of changes, however long ago',
  server: 'whatever the server has not written to its disk when it confirms',
} as const

/** The health check of a process. */
export function healthHandlers({ version, durability }: About): Handlers<typeof health> {
  return handlers(health, {
    check: ({ fleet: { state, phase, clock, loads, grownWal } }) => {
      const { lastSet } = clock
      const body = {
        status: phase === 'running' ? 'ok' as const : phase,
        version,
        durability,
        ...(durability === 'full' ? {} : { may_lose: MAY_LOSE[durability] }),
        live_jobs: state.jobs.size,
        robots_connected: state.sessions.size,
        loads,
        ...(grownWal === null ? {} : { wal: grownWal }),
        clock_set: lastSet && { at: instantText(lastSet.at), by_ms: lastSet.by, count: lastSet.count },
      }
      return phase === 'running' ? body : new Answered(body, { status: 503, headers: { 'Retry-After': '5' } })
    },
  })
}
