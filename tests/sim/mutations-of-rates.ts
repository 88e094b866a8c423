import { refuse } from '../../core/protocol/refusal.ts'
import type { State } from '../../core/state.ts'
import { carrying } from './mutations-of-life.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of how often anybody may ask and say anything. */

function forget({ limiters }: State): void {
  limiters.keys.clear()
  limiters.triggers.clear()
}

/** Counts begin anew with each window by the clock: so twice the limit gets through around its end. */
export const fixedWindow = (): Plant => ({
  ...SOUND,
  shell: (shell, state) => {
    let window = 0
    const now = (): number => {
      const at = shell.now()
      if (Math.floor(at / state.settings.submissionsMs) !== window) forget(state)
      window = Math.floor(at / state.settings.submissionsMs)
      return at
    }
    return { ...shell, now }
  },
})

export const ringsForgotten = (): Plant => ({ ...SOUND, state: forget })

/** A result beyond the limit is treated like any other message. */
export const controlRefused = (): Plant => ({
  ...SOUND,
  event: (event, state) => {
    if (event.type !== 'robot.said' || event.message.type !== 'job_complete') return event
    const robot = state.sockets.get(event.socket)?.robot ?? null
    const meter = robot === null ? undefined : state.limiters.robots.get(robot)
    if (meter === undefined || meter.ring.isOpen(state.horizonAt - state.settings.horizonMs)) return event
    const refusal = refuse('RATE_LIMITED', 'too much')
    return { type: 'robot.garbled', socket: event.socket, bytes: event.bytes, refusal, id: event.message.id }
  },
})

/** Whoever says too much is closed, also when it is about its own jobs. */
export const chatterClosed = (): Plant => ({
  ...SOUND,
  shell: (shell) => ({
    ...shell,
    deliver: (send) => {
      shell.deliver(send)
      const refused = send.to === 'socket' && 'message' in send && send.message.type === 'error' &&
        send.message.payload.error_code === 'RATE_LIMITED'
      if (refused) shell.deliver({ to: 'socket', socket: send.socket, close: { code: 4429, reason: 'too much' } })
    },
  }),
})

/** What a robot has used up is not carried by its socket. */
export const meterForgotten = (): Plant => carrying({ meter: null })

/** A webhook that comes again is a call like any other. */
export const deliveredTwice = (): Plant => ({
  ...SOUND,
  event: (event) => event.type === 'webhook.received' ? { ...event, idempotency: null } : event,
})
