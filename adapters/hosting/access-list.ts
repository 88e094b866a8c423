import type { SecretHash, TriggerId } from '../../core/base/ids.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import type { State } from '../../core/state.ts'
import { TRIGGER_TYPE_NAMES, triggerTypeOf } from '../../core/trigger-types/index.ts'

/** What a request shows before anything is done for it: a key, or the address of a trigger. */
export interface RequestIdentity {
  readonly credential: SecretHash | null
  /** As `webhook/orders`: the type of the trigger, and its id. */
  readonly trigger: string | null
}

/** The types of trigger that have an address, and how it begins. */
const CALLED = TRIGGER_TYPE_NAMES.filter((name) => triggerTypeOf(name).path !== null)
const TRIGGER_PATH = new RegExp(`^/(${CALLED.join('|')})/([^/]+)/?$`)

/** Who asks for this path of a fleet. */
export function requestIdentity(rest: string, credential: SecretHash | null): RequestIdentity {
  const [, type, id] = TRIGGER_PATH.exec(rest) ?? []
  return { credential, trigger: type === undefined || id === undefined ? null : `${type}/${decoded(id)}` }
}

/** Whom a fleet is opened for, as far as it is known while it is closed. */
export interface AccessList {
  readonly keys: ReadonlySet<SecretHash>
  readonly triggers: ReadonlySet<string>
}

/** The keys and the addresses of a fleet, to be kept when it is closed. */
export function accessListOf(state: State): AccessList {
  const keys = [...state.keys.values()].filter(({ revoked_at }) => revoked_at === null).map(({ secret }) => secret)
  const triggers = [...state.triggers.values()].map(({ id, trigger_type }) => `${trigger_type}/${id}`)
  return { keys: new Set(keys), triggers: new Set(triggers.filter((address) => TRIGGER_PATH.test(`/${address}`))) }
}

/** Whether a fleet that is open knows the key, or has the trigger. */
export function isKnownToFleet(state: State, { credential, trigger }: RequestIdentity): boolean {
  const row = trigger === null ? undefined : state.triggers.get(trigger.slice(trigger.indexOf('/') + 1) as TriggerId)
  return isValidKey(state, credential) || (row !== undefined && `${row.trigger_type}/${row.id}` === trigger)
}

/** Whether a key is one of this fleet and has not been revoked. */
export function isValidKey(state: State, credential: SecretHash | null): boolean {
  const id = credential === null ? undefined : state.keysBySecret.get(credential)
  return id !== undefined && state.keys.get(id)?.revoked_at === null
}

/** The same by what is kept of one that is closed. */
export function isOnAccessList({ keys, triggers }: AccessList, { credential, trigger }: RequestIdentity): boolean {
  return (credential !== null && keys.has(credential)) || (trigger !== null && triggers.has(trigger))
}

/** A stranger is told the same whether there is a fleet of that name or not. */
export const UNKNOWN_KEY: Refusal = refuse('AUTHENTICATION_FAILED', 'Unknown API key')

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
