import type { GivenCredential, TriggerSaved } from '../../core/events/triggers.ts'
import { toText } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { NewTrigger } from '../../core/api/triggers.ts'
import { configOf } from '../../core/trigger-types/index.ts'
import { newSecret, newStandardSecret, secretOf } from '../crypto/secrets.ts'
import { isRange } from '../net/client-address.ts'

/** The settings and the credential of a trigger as its body gives them; INVALID_PAYLOAD names the field that is wrong. */
export function triggerSettings(body: NewTrigger): Pick<TriggerSaved, 'settings' | 'credential'> | Refusal {
  const { trigger_type } = body
  const config = configOf(trigger_type, body.config)
  if (isRefusal(config)) return config
  const range = body.allow_from.find((text) => !isRange(text))
  if (range !== undefined) {
    const message = `Field allow_from: ${range} is neither an address nor a range`
    return refuse('INVALID_PAYLOAD', message, { fields: ['allow_from'] })
  }
  return {
    settings: {
      name: body.name,
      description: body.description,
      trigger_type,
      workflow_id: body.workflow_id,
      scenario_id: body.scenario_id,
      config,
      filter: body.filter,
      mapping: body.mapping,
      enabled: body.enabled,
      priority: body.priority,
      parameters: toText(body.parameters),
      cooldown_ms: Math.round(body.cooldown_seconds * 1000),
      allow_from: body.allow_from,
    },
    credential: givenCredential(body),
  }
}

/** The credential in a body, its secret hashed. A field that is left out changes nothing. */
export function givenCredential(
  { auth, secret, signature }: Pick<NewTrigger, 'auth' | 'secret' | 'signature'>,
): GivenCredential {
  return {
    auth: auth ?? null,
    secret: secret === undefined ? 'kept' : secret === null ? 'removed' : secretOf(secret),
    signature: signature ?? null,
    fresh: { plain: secretOf(newSecret()), standard: secretOf(newStandardSecret()), key: secretOf(newSecret()) },
  }
}
