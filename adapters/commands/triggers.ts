import type { TriggerSaved } from '../../core/events/triggers.ts'
import { toText } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { ChatPlatformName } from '../../core/trigger-types/chat.ts'
import type { NewTrigger } from '../../core/api/request.ts'
import { type ShownAuth, TRIGGER_AUTHS, type TriggerAuth } from '../../core/trigger-types/auth.ts'
import { configOf, type TriggerType, triggerTypeOf } from '../../core/trigger-types/index.ts'
import type { CredentialRule } from '../../core/trigger-types/trigger-type.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { problemWithChatKey } from '../chat/index.ts'
import { isRange } from '../net/client-address.ts'
import { hasControls, hashOf, newSecret, newStandardSecret, problemWithSecret, weaknessOf } from '../crypto/secrets.ts'
import { isStandardSecret } from '../crypto/signatures.ts'

/** What is to be kept of a trigger, and its secret where that is new, to be shown this once. */
export interface TriggerSettings {
  readonly settings: TriggerSaved['settings']
  readonly shownSecret: string | null
}

/**
 * What saving a trigger comes to: INVALID_PAYLOAD names the field. `before`: what is changed; its secret stays where
 * nothing is said of one.
 */
export function triggerSettings(
  body: NewTrigger,
  before: TriggerRow | undefined,
): TriggerSettings | Refusal {
  const { trigger_type } = body
  const config = configOf(trigger_type, body.config)
  if (isRefusal(config)) return config
  const range = body.allow_from.find((text) => !isRange(text))
  if (range !== undefined) return wrong('allow_from', `Field allow_from: ${range} is neither an address nor a range`)
  const credential = CREDENTIALS[triggerTypeOf(trigger_type).credential](body, before)
  if (isRefusal(credential)) return credential
  const { shownSecret, ...kept } = credential
  return {
    shownSecret,
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
      ...kept,
    },
  }
}

/** How callers show who they are, and what is kept of the secret. */
interface Credential extends Pick<TriggerRow, 'auth' | 'secret' | 'signing'> {
  /** The secret itself, where it is to be shown. */
  readonly shownSecret: string | null
}

/** The five rules for `auth`, `secret` and `signature`. */
const CREDENTIALS: {
  readonly [R in CredentialRule]: (body: NewTrigger, before: TriggerRow | undefined) => Credential | Refusal
} = {
  'none': noCredential,
  'secret-or-signature': byAuth,
  'access-code': byCode,
  'platform-key': byPlatform,
  'password': byPassword,
}

/** Nobody from outside calls it, and it logs in nowhere. */
function noCredential({ trigger_type, auth, secret, signature }: NewTrigger): Credential | Refusal {
  if (auth !== undefined && auth !== 'none') return wrong('auth', `Field auth: a ${trigger_type} trigger has none`)
  if (typeof secret === 'string') return wrong('secret', `Field secret: a ${trigger_type} trigger has none`)
  if (signature !== undefined) return wrong('signature', `Field signature: a ${trigger_type} trigger has none`)
  return { auth: 'none', secret: null, signing: null, shownSecret: null }
}

/**
 * The platform of the chat has chosen its key; but Telegram takes any, so one is made for it. Another platform has another key.
 */
function byPlatform(body: NewTrigger, before: TriggerRow | undefined): Credential | Refusal {
  const { auth, signature, config } = body
  if (auth !== undefined && auth !== 'none' && auth !== config['platform']) {
    return wrong('auth', `Field auth: a chat is verified as its platform does it: ${String(config['platform'])}`)
  }
  if (signature !== undefined) return wrong('signature', 'Field signature: a chat signs as its platform does')
  const platform = config['platform'] as ChatPlatformName
  const kept = before?.config['platform'] === platform ? before.signing?.key : undefined
  const made = body.secret === undefined && kept === undefined && platform === 'telegram' ? newSecret() : null
  const key = body.secret ?? (body.secret === undefined ? kept : undefined) ?? made
  if (key === null) return wrong('secret', `Missing required field: secret. It ${problemWithChatKey(platform, '')}`)
  const problem = problemWithChatKey(platform, key)
  if (problem !== null) return wrong('secret', `Field secret: ${problem}`)
  return { auth: 'none', secret: null, signing: { ...UNSIGNED, key }, shownSecret: made }
}

/**
 * Anybody fills in a form, or whoever has its access code. Either way it has a key of its own, which nobody is told, and
 * keeps it: pages that are open when it is saved anew can still be sent.
 */
function byCode(body: NewTrigger, before: TriggerRow | undefined): Credential | Refusal {
  const { auth = typeof body.secret === 'string' ? 'secret' : body.secret === null ? 'none' : before?.auth ?? 'none' } =
    body
  if (auth !== 'none' && auth !== 'secret') return wrong('auth', 'Field auth: must be none or secret for a form')
  const credential = byAuth({ ...body, auth }, before)
  const kept = before?.trigger_type === 'form' ? before.signing : null
  return isRefusal(credential) ? credential : { ...credential, signing: kept ?? { ...UNSIGNED, key: newSecret() } }
}

/** It logs in where its mailbox is, and the password is not given to another server than the one that it was set for. */
function byPassword(body: NewTrigger, before: TriggerRow | undefined): Credential | Refusal {
  const { secret, config, ...rest } = body
  if (!('server' in config)) return noCredential(body)
  const credential = noCredential({ ...rest, config, secret: undefined })
  if (isRefusal(credential)) return credential
  const same = before?.config['server'] === config['server'] && before?.config['username'] === config['username']
  const key = secret ?? (secret === undefined && same ? before?.signing?.key : undefined)
  if (key === undefined) return wrong('secret', 'Field secret: needs the password of this user on this server')
  // White space at its ends may be part of it.
  if (hasControls(key)) return wrong('secret', 'Field secret: must not contain control characters, as line breaks')
  return { ...credential, signing: { ...UNSIGNED, key } }
}

/** Callers show a secret, or sign with it. What is kept of it is its hash, but where they sign: there it is needed itself. */
function byAuth(body: NewTrigger, before: TriggerRow | undefined): Credential | Refusal {
  const auth = body.auth ?? (body.secret === null ? 'none' : before?.auth ?? 'secret')
  if (!isTriggerAuth(auth)) return wrong('auth', `Field auth: ${auth} is for triggers of type chat`)
  const problem = problemWith(auth, body)
  if (problem !== null) return problem
  if (auth === 'none') return { auth, secret: null, signing: null, shownSecret: null }
  const kept = body.secret === undefined && before?.auth === auth ? before : null
  const signs = auth !== 'secret'
  if (kept !== null && (kept.secret !== null || kept.signing !== null)) {
    const signing = kept.signing === null ? null : { ...UNSIGNED, ...body.signature, key: kept.signing.key }
    return { auth, secret: kept.secret, signing, shownSecret: null }
  }
  const shownSecret = body.secret ?? (auth === 'standard_webhooks' ? newStandardSecret() : newSecret())
  return signs
    ? { auth, secret: null, signing: { ...UNSIGNED, ...body.signature, key: shownSecret }, shownSecret }
    : { auth, secret: hashOf(shownSecret), signing: null, shownSecret }
}

/** For the schemes that settle these themselves. */
const UNSIGNED = { header: '', algorithm: 'sha256', encoding: 'hex', prefix: '' } as const

/** Where whoever sets up the trigger may choose the secret. With the others the sender has made it. */
const CHOSEN: ReadonlySet<TriggerAuth> = new Set(['secret', 'github', 'hmac', 'standard_webhooks'])

/** Callers may guess as long as they like. */
const SECRET_CHARS_MIN = 16

/** Which field does not go with the others; null when all do. */
function problemWith(auth: TriggerAuth, { secret, signature, trigger_type }: NewTrigger): Refusal | null {
  if (auth === 'none' && typeof secret === 'string') return wrong('secret', 'Field secret: auth none asks for none')
  if (auth !== 'none' && secret === null) return wrong('secret', `Field secret: auth ${auth} needs one`)
  if (typeof secret === 'string' && secret.length < SECRET_CHARS_MIN) {
    return wrong('secret', `Field secret: must have ${SECRET_CHARS_MIN} characters or more`)
  }
  const unusable = typeof secret === 'string'
    ? problemWithSecret(secret, isSentInHeader(auth, trigger_type)) ?? (CHOSEN.has(auth) ? weaknessOf(secret) : null)
    : null
  if (unusable !== null) return wrong('secret', `Field secret: ${unusable}`)
  if (auth === 'hmac' && signature === undefined) return wrong('signature', 'Missing required field: signature')
  if (auth !== 'hmac' && signature !== undefined) return wrong('signature', 'Field signature: only for auth hmac')
  const written = auth !== 'standard_webhooks' || typeof secret !== 'string' || isStandardSecret(secret)
  return written ? null : wrong('secret', 'Field secret: must be whsec_ and 24 to 64 bytes in base64')
}

/** Whether callers send the secret itself, in a header. An access code is written into a form. */
function isSentInHeader(auth: TriggerAuth, type: TriggerType): boolean {
  return auth === 'secret' && type === 'webhook'
}

function isTriggerAuth(auth: ShownAuth): auth is TriggerAuth {
  return (TRIGGER_AUTHS as readonly string[]).includes(auth)
}

function wrong(field: string, message: string): Refusal {
  return refuse('INVALID_PAYLOAD', message, { fields: [field] })
}
