import type { SecretHash, TriggerId } from '../../core/base/ids.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import type { State } from '../../core/state.ts'
import { TRIGGER_TYPE_NAMES, triggerTypeOf } from '../../core/trigger-types/index.ts'

/** The identity that a request shows before it is processed: a key, or the address of a trigger. */
export interface RequestIdentity {
  readonly credential: SecretHash | null
  /** The type and id of a trigger, for instance `webhook/orders`. */
  readonly trigger: string | null
}

/** The types of trigger that have an address, and how it begins. */
const CALLED = TRIGGER_TYPE_NAMES.filter((name) => triggerTypeOf(name).path !== null)
const TRIGGER_PATH = new RegExp(`^/(${CALLED.join('|')})/([^/]+)/?$`)

/** The identity in a request for this path of a fleet. */
export function requestIdentity(rest: string, credential: SecretHash | null): RequestIdentity {
  const [, type, id] = TRIGGER_PATH.exec(rest) ?? []
  return { credential, trigger: type === undefined || id === undefined ? null : `${type}/${decoded(id)}` }
}

/** The identities for which a closed fleet is opened. */
export interface AccessList {
  readonly keys: ReadonlySet<SecretHash>
  readonly triggers: ReadonlySet<string>
}

/** The keys and triggers of a fleet, remembered when it is closed. */
export function accessListOf(state: State): AccessList {
  const keys = [...state.keys.values()].filter(({ revoked_at }) => revoked_at === null).map(({ secret }) => secret)
  const triggers = [...state.triggers.values()].map(({ id, trigger_type }) => `${trigger_type}/${id}`)
  return { keys: new Set(keys), triggers: new Set(triggers.filter((address) => TRIGGER_PATH.test(`/${address}`))) }
}

/** True if the open fleet has the key or the trigger. */
export function isKnownToFleet(state: State, { credential, trigger }: RequestIdentity): boolean {
  const row = trigger === null ? undefined : state.triggers.get(trigger.slice(trigger.indexOf('/') + 1) as TriggerId)
  return isValidKey(state, credential) || (row !== undefined && `${row.trigger_type}/${row.id}` === trigger)
}

/** True if the fleet has this key and it is not revoked. */
export function isValidKey(state: State, credential: SecretHash | null): boolean {
  const id = credential === null ? undefined : state.keysBySecret.get(credential)
  return id !== undefined && state.keys.get(id)?.revoked_at === null
}

/** The same for a closed fleet, by its remembered list. */
export function isOnAccessList({ keys, triggers }: AccessList, { credential, trigger }: RequestIdentity): boolean {
  return (credential !== null && keys.has(credential)) || (trigger !== null && triggers.has(trigger))
}

/** The answer to an unknown caller, equal for existing and missing fleets. */
export const UNKNOWN_KEY: Refusal = refuse('AUTHENTICATION_FAILED', 'Unknown API key')

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
