import { isSource } from './protocol/trigger.ts'
import type { State } from './state.ts'

/**
 * Whether nothing is under way, nobody is connected, nothing is listened for, and no deadline is to come but the store's
 * own: a shell may forget such a state until somebody asks for it again. Jobs whose time is beyond the horizon are not in it.
 */
export function isAtRest(state: State): boolean {
  return state.jobs.size === 0 && state.sockets.size === 0 && state.timers.every((why) => why.startsWith('store.')) &&
    ![...state.triggers.values()].some(({ enabled, trigger_type }) => enabled && isSource(trigger_type))
}
