import { isSource } from './protocol/trigger.ts'
import type { State } from './state.ts'
import type { TriggerRow } from './trigger.ts'

/**
 * Whether nothing is under way, nobody is connected, nothing is listened for, and no deadline is to come but the store's
 * own: a shell may forget such a state until somebody asks for it again. Jobs whose time is beyond the horizon are not in it.
 */
export function isIdle(state: State): boolean {
  return state.jobs.size === 0 && state.sockets.size === 0 && state.timers.every((why) => why.startsWith('store.')) &&
    ![...state.triggers.values()].some(hasSource)
}

/** Of files that robots report it is told by a request, as of a job that is submitted. */
function hasSource({ enabled, trigger_type, config }: TriggerRow): boolean {
  return enabled && isSource(trigger_type) && config['reported'] !== true
}
