import { hasControls, isStandardSecret, problemWithSecret, Secret, weaknessOf } from '../base/secret.ts'
import type { GivenCredential, TriggerSaved } from '../events/triggers.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import type { SigningKey, TriggerRow } from '../records/trigger.ts'
import { isTriggerAuth, type ShownAuth, type TriggerAuth } from '../trigger-types/auth.ts'
import { chatPlatformOf, problemWithChatKey } from '../trigger-types/chat-platforms.ts'
import type { ChatConfig } from '../trigger-types/chat.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'
import type { CredentialRule } from '../trigger-types/trigger-type.ts'

/**
 * Credentials of triggers: how callers show who they are, or what the trigger itself logs in with. One rule for each name
 * that a type of trigger may declare.
 */

/** The credential of a saved trigger, as its row keeps it. */
interface Credential extends Pick<TriggerRow, 'auth' | 'secret' | 'signing'> {
  /** The secret to be shown this once; null where the person has it already or has no use for it. */
  readonly shown: Secret | null
}

/** Decides the credential of a trigger. `before`: the trigger that is changed, whose secret stays where none is given. */
export function decideCredential(
  { settings, credential }: Pick<TriggerSaved, 'settings' | 'credential'>,
  before: TriggerRow | undefined,
): Credential | Refusal {
  const { trigger_type, config } = settings
  return RULES[triggerTypeOf(trigger_type).credential]({ ...credential, trigger_type, config, before })
}

/** The credential of a trigger as people see it: the way in which callers show who they are, and whether there is a secret. */
export function shownCredential(trigger: TriggerRow): { readonly auth: ShownAuth; readonly has_secret: boolean } {
  const rule = triggerTypeOf(trigger.trigger_type).credential
  return {
    auth: rule === 'platform-key' ? platformIn(trigger.config) : trigger.auth,
    // A form has a key of its own, which no caller has to know.
    has_secret: trigger.secret !== null || (trigger.signing !== null && rule !== 'access-code'),
  }
}

interface Given extends GivenCredential, Pick<TriggerRow, 'trigger_type' | 'config'> {
  readonly before: TriggerRow | undefined
}

const RULES: { readonly [R in CredentialRule]: (given: Given) => Credential | Refusal } = {
  'none': decideNone,
  'secret-or-signature': decideSecretOrSignature,
  'access-code': decideAccessCode,
  'platform-key': decidePlatformKey,
  'password': decidePassword,
}

/** Nobody from outside calls it, and it logs in nowhere. */
function decideNone({ trigger_type, auth, secret, signature }: Given): Credential | Refusal {
  const none = (field: string): Refusal => wrong(field, `Field ${field}: a ${trigger_type} trigger has none`)
  if (auth !== null && auth !== 'none') return none('auth')
  if (secret instanceof Secret) return none('secret')
  if (signature !== null) return none('signature')
  return { auth: 'none', secret: null, signing: null, shown: null }
}

/**
 * Callers show a secret, or sign with it. Of a secret that they show the hash is kept; one that they sign with is needed
 * itself.
 */
function decideSecretOrSignature(given: Given): Credential | Refusal {
  const { secret, signature, before, fresh } = given
  const auth = given.auth ?? (secret === 'removed' ? 'none' : before?.auth ?? 'secret')
  if (!isTriggerAuth(auth)) return wrong('auth', `Field auth: ${auth} is for triggers of type chat`)
  const problem = problemWithCallerSecret(auth, given)
  if (problem !== null) return problem
  if (auth === 'none') return { auth, secret: null, signing: null, shown: null }
  const kept = secret === 'kept' && before?.auth === auth ? before : null
  if (kept !== null && (kept.secret !== null || kept.signing !== null)) {
    const signing = kept.signing === null ? null : signingWith(kept.signing.key, signature)
    return { auth, secret: kept.secret, signing, shown: null }
  }
  const shown = secret instanceof Secret ? secret : auth === 'standard_webhooks' ? fresh.standard : fresh.plain
  return auth === 'secret'
    ? { auth, secret: shown.hash, signing: null, shown }
    : { auth, secret: null, signing: signingWith(shown.reveal(), signature), shown }
}

/**
 * Anybody fills in a form, or those who have its access code. Either way it has a key of its own, which is never shown and
 * stays: pages that are open when the trigger is saved can still be sent.
 */
function decideAccessCode(given: Given): Credential | Refusal {
  const { secret, before, fresh } = given
  const auth = given.auth ??
    (secret instanceof Secret ? 'secret' : secret === 'removed' ? 'none' : before?.auth ?? 'none')
  if (auth !== 'none' && auth !== 'secret') return wrong('auth', 'Field auth: must be none or secret for a form')
  const credential = decideSecretOrSignature({ ...given, auth })
  if (isRefusal(credential)) return credential
  return { ...credential, signing: before?.signing ?? signingWith(fresh.key.reveal()) }
}

/** The platform of the chat has made its key; where it takes any, we make one. Another platform has another key. */
function decidePlatformKey({ auth, secret, signature, config, before, fresh }: Given): Credential | Refusal {
  const platform = platformIn(config)
  if (auth !== null && auth !== 'none' && auth !== platform) {
    return wrong('auth', `Field auth: a chat is verified as its platform does it: ${platform}`)
  }
  if (signature !== null) return wrong('signature', 'Field signature: a chat signs as its platform does')
  const known = before !== undefined && platformIn(before.config) === platform ? before.signing?.key : undefined
  const kept = secret === 'kept' ? known : undefined
  const made = secret === 'kept' && kept === undefined && !chatPlatformOf(platform).makesItsKey ? fresh.plain : null
  const key = secret instanceof Secret ? secret.reveal() : kept ?? made?.reveal()
  if (key === undefined) {
    return wrong('secret', `Missing required field: secret. It ${problemWithChatKey(platform, '')}`)
  }
  const problem = problemWithChatKey(platform, key)
  if (problem !== null) return wrong('secret', `Field secret: ${problem}`)
  return { auth: 'none', secret: null, signing: signingWith(key), shown: made }
}

/**
 * The trigger logs in to the server that its config names, and needs the password; where it names none, mail is brought to
 * it. The password is not given to another server than the one that it was set for.
 */
function decidePassword(given: Given): Credential | Refusal {
  const { secret, config, before } = given
  if (!('server' in config)) return decideNone(given)
  const credential = decideNone({ ...given, secret: 'kept' })
  if (isRefusal(credential)) return credential
  const same = before?.config['server'] === config['server'] && before?.config['username'] === config['username']
  const kept = secret === 'kept' && same ? before?.signing?.key : undefined
  const key = secret instanceof Secret ? secret.reveal() : kept
  if (key === undefined) return wrong('secret', 'Field secret: needs the password of this user on this server')
  // White space at its ends may be part of it.
  if (hasControls(key)) return wrong('secret', 'Field secret: must not contain control characters, as line breaks')
  return { ...credential, signing: signingWith(key) }
}

/** The ways to call of which the person who sets up the trigger may choose the secret. Of the others the sender has made it. */
const CHOSEN: ReadonlySet<TriggerAuth> = new Set(['secret', 'github', 'hmac', 'standard_webhooks'])

/** Callers may guess as long as they like. */
const SECRET_CHARS_MIN = 16

/** Refuses the field that does not go with the others; null when all do. */
function problemWithCallerSecret(auth: TriggerAuth, { secret, signature, trigger_type }: Given): Refusal | null {
  const text = secret instanceof Secret ? secret.reveal() : null
  if (auth === 'none' && text !== null) return wrong('secret', 'Field secret: auth none asks for none')
  if (auth !== 'none' && secret === 'removed') return wrong('secret', `Field secret: auth ${auth} needs one`)
  if (text !== null && text.length < SECRET_CHARS_MIN) {
    return wrong('secret', `Field secret: must have ${SECRET_CHARS_MIN} characters or more`)
  }
  // Callers send the secret itself in a header. An access code is written into a form.
  const inHeader = auth === 'secret' && triggerTypeOf(trigger_type).credential === 'secret-or-signature'
  const unusable = text === null
    ? null
    : problemWithSecret(text, inHeader) ?? (CHOSEN.has(auth) ? weaknessOf(text) : null)
  if (unusable !== null) return wrong('secret', `Field secret: ${unusable}`)
  if (auth === 'hmac' && signature === null) return wrong('signature', 'Missing required field: signature')
  if (auth !== 'hmac' && signature !== null) return wrong('signature', 'Field signature: only for auth hmac')
  const written = auth !== 'standard_webhooks' || text === null || isStandardSecret(text)
  return written ? null : wrong('secret', 'Field secret: must be whsec_ and 24 to 64 bytes in base64')
}

/** A key with the form of its signatures; left out where the scheme itself settles the form. */
function signingWith(key: string, form: Omit<SigningKey, 'key'> | null = null): SigningKey {
  return { ...form ?? { header: '', algorithm: 'sha256', encoding: 'hex', prefix: '' }, key }
}

function platformIn(config: TriggerRow['config']): ChatConfig['platform'] {
  return (config as unknown as ChatConfig).platform
}

function wrong(field: string, message: string): Refusal {
  return refuse('INVALID_PAYLOAD', message, { fields: [field] })
}
