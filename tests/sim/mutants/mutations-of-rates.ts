import { refuse } from '../../../core/base/refusal.ts'
import type { State } from '../../../core/state.ts'
import { changingSnapshots } from './mutations-of-jobs.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of how often anybody may ask and say anything. */

function forget({ limiters }: State): void {
  limiters.keys.clear()
  limiters.triggers.clear()
}

/** Counts begin anew with each window by the clock: so twice the limit gets through around its end. */
export const fixedWindow = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports, state) => {
    let window = 0
    const now = (): number => {
      const at = ports.now()
      if (Math.floor(at / state.settings.submissionsMs) !== window) forget(state)
      window = Math.floor(at / state.settings.submissionsMs)
      return at
    }
    return { ...ports, now }
  },
})

export const windowsForgotten = (): Mutant => ({ ...ORIGINAL, state: forget })

/** A result beyond the limit is treated like any other message. */
export const controlRefused = (): Mutant => ({
  ...ORIGINAL,
  event: (event, state) => {
    if (event.type !== 'robot.message' || event.message.type !== 'job_complete') return event
    const robot = state.sockets.get(event.socket)?.robot ?? null
    const messageRate = robot === null ? undefined : state.limiters.robots.get(robot)
    if (messageRate === undefined || messageRate.window.isOpen(state.horizonAt - state.settings.horizonMs)) return event
    const refusal = refuse('RATE_LIMITED', 'too much')
    return { type: 'robot.malformed', socket: event.socket, bytes: event.bytes, refusal, id: event.message.id }
  },
})

/** A robot that sends too much is disconnected, even if the messages are about its own jobs. */
export const busyLogCloses = (): Mutant => ({
  ...ORIGINAL,
  ports: (ports) => ({
    ...ports,
    deliver: (send) => {
      ports.deliver(send)
      const refused = send.to === 'socket' && 'message' in send && send.message.type === 'error' &&
        send.message.payload.error_code === 'RATE_LIMITED'
      if (refused) ports.deliver({ to: 'socket', socket: send.socket, close: { code: 4429, reason: 'too much' } })
    },
  }),
})

/** The message rate of a robot is missing from its socket's snapshot. */
export const messageRateForgotten = (): Mutant => changingSnapshots({ messageRate: null })

/** A webhook that comes again is a call like any other. */
export const deliveredTwice = (): Mutant => ({
  ...ORIGINAL,
  event: (event) => event.type === 'webhook.received' ? { ...event, idempotency: null } : event,
})
