import type { JsonObject } from '../../core/base/json.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { readCounted } from '../../outgoing/body.ts'
import { isFleetName } from '../../core/base/fleet-name.ts'
import { DEFAULT_FLEET } from '../fleet/path.ts'
import { HEADER_BYTES_MAX, MAIL_BYTES_MAX, readMail } from '../sources/mail.ts'
import type { SourceEvent } from '../sources/sources.ts'
import type { WorkerEnv } from './env.ts'
import { fleetExists } from './registry.ts'

/**
 * Takes a mail sent to an address of this Worker. Rejects it with the reason if no trigger has that address. Throws if
 * it cannot be processed now: the platform then asks the sender's server to try again later.
 */
export async function receiveMail(message: ForwardableEmailMessage, env: WorkerEnv): Promise<void> {
  const to = message.to.toLowerCase()
  for (const { fleet, address } of destinationsOf(to)) {
    if (!await fleetExists(env, fleet)) continue
    const object = env.FLEETS.get(env.FLEETS.idFromName(fleet))
    // Most mail to a domain is not for a trigger, so read it only once a trigger is known.
    if (!await object.takesMail(address)) continue
    const { payload, dedupeKey } = await readMail(await bytesOf(message), {
      id: null,
      at: Date.now(),
      size: message.rawSize,
    })
    const metadata = { source: 'address', address, sender: message.from, recipient: message.to }
    const event: SourceEvent = { payload, metadata, dedupeKey }
    if (await object.mailReceived(address, JSON.stringify(event)) === 'done') return
    throw new Error('The orchestrator cannot take this mail now')
  }
  message.setReject(`No trigger takes mail to ${to}`)
}

/**
 * Refuses a trigger that reads mail from a server: the object would have to keep a connection, and could never
 * hibernate.
 */
export function checkMailAddress(config: JsonObject): Refusal | null {
  if (!('server' in config)) return null
  const message = 'Field config.server: a Worker keeps no connection to a mail server; name an address here'
  return refuse('INVALID_PAYLOAD', message, { fields: ['config.server'] })
}

/** The possible destinations of an address: the fleet named after the last plus, or the default fleet. */
function destinationsOf(to: string): readonly { readonly fleet: string; readonly address: string }[] {
  const [, user = '', fleet = '', domain = ''] = /^([^@]+)\+([^+@]+)(@.*)$/.exec(to) ?? []
  const root = { fleet: DEFAULT_FLEET, address: to }
  return isFleetName(fleet) ? [{ fleet, address: user + domain }, root] : [root]
}

/** The whole mail; only the beginning if it is too large. */
async function bytesOf({ raw, rawSize }: ForwardableEmailMessage): Promise<Uint8Array> {
  const { bytes, isWhole } = await readCounted(raw, rawSize <= MAIL_BYTES_MAX ? MAIL_BYTES_MAX : HEADER_BYTES_MAX)
  if (!isWhole) await raw.cancel()
  return bytes
}
