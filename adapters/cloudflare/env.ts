import { DEFAULTS, type Settings } from '../../core/settings.ts'
import { cut } from '../../core/base/text.ts'
import { problemWithKey, weaknessOf } from '../../core/base/secret.ts'
import { readSettings } from '../fleet/settings.ts'
import type { FleetCalls } from './fleet-calls.ts'

/** The bindings of the Worker: by wrangler.toml, and by variables and secrets that the operator sets. */
export interface WorkerEnv {
  readonly FLEETS: DurableObjectNamespace<FleetCalls>
  /** The admin key of the default fleet, a secret. A changed value adds another key. */
  readonly CASARE_ADMIN_KEY?: string
  /** JSON, as in the settings file on Node. */
  readonly CASARE_SETTINGS?: string
  /** `key`, or `open` for a lab. */
  readonly CASARE_ROBOTS_AUTH?: string
}

/** The length of the keys that we generate: only a fast hash of a key is stored, so a key must not be guessable. */
const ADMIN_KEY_CHARS_MIN = 32

/** The problem with the variables, in one line for the operator; null if there is none. */
export function problemWithEnv(env: WorkerEnv): string | null {
  if ((env.CASARE_ADMIN_KEY ?? '').length < ADMIN_KEY_CHARS_MIN) {
    return `the secret CASARE_ADMIN_KEY must be set, to ${ADMIN_KEY_CHARS_MIN} characters or more: ` +
      'npx wrangler secret put CASARE_ADMIN_KEY'
  }
  const unusable = problemWithKey(env.CASARE_ADMIN_KEY ?? '') ?? weaknessOf(env.CASARE_ADMIN_KEY ?? '')
  if (unusable !== null) return `the secret CASARE_ADMIN_KEY ${unusable}`
  try {
    settingsOf(env)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Parses the settings. Throws an `Error` with the variable's name when one is invalid. */
export function settingsOf(env: WorkerEnv): Settings {
  const settings = env.CASARE_SETTINGS === undefined ? DEFAULTS : readSettings(env.CASARE_SETTINGS)
  if (typeof settings === 'string') throw new Error(`the variable CASARE_SETTINGS is not valid: ${settings}`)
  const robotsAuth = env.CASARE_ROBOTS_AUTH ?? 'key'
  if (robotsAuth !== 'key' && robotsAuth !== 'open') {
    throw new Error(`the variable CASARE_ROBOTS_AUTH must be key or open, not "${cut(robotsAuth, 50)}"`)
  }
  return { ...settings, robotsAuth }
}
