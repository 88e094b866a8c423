import { createPublicKey, verify as isSigned } from 'node:crypto'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import type { TriggerAuth } from '../../core/trigger-types/auth.ts'
import type { SigningKey } from '../../core/records/trigger.ts'

/** A call of a webhook as received: the signature covers the raw bytes. */
export interface IncomingRequest {
  readonly bytes: Uint8Array<ArrayBuffer>
  header(name: string): string | undefined
  /** In milliseconds, on our clock. */
  readonly now: number
}

/** The part of a call that is known before its body is read. */
export type RequestHead = Omit<IncomingRequest, 'bytes'>

/** The result of a valid signature: the sender's id of the delivery, to detect repeats. */
export interface VerifiedDelivery {
  readonly id: string | null
}

/** The claim to verify: the signed content, the key, and the given signatures, of which one must match. */
interface Claim extends VerifiedDelivery {
  readonly key: Uint8Array<ArrayBuffer>
  readonly hash: 'SHA-1' | 'SHA-256' | 'SHA-512'
  /** The part of the signed content before the body. */
  readonly before: string
  readonly signatures: readonly (Uint8Array<ArrayBuffer> | null)[]
}

/** The schemes of webhooks, and one that only a chat platform uses. */
type Scheme = Exclude<TriggerAuth, 'secret' | 'none'> | 'teams'

/**
 * The tolerated difference between a sender's clock and ours, which is also the time in which an observer could replay
 * a call.
 */
const TOLERANCE_SECONDS = 300

const WRONG = refuse('AUTHENTICATION_FAILED', 'Wrong signature')

const SCHEMES: { readonly [S in Scheme]: (call: RequestHead, signing: SigningKey) => Claim | Refusal } = {
  standard_webhooks(call, { key }) {
    const id = requireHeader(call, 'webhook-id')
    const at = requireRecent(call, requireHeader(call, 'webhook-timestamp'))
    const given = requireHeader(call, 'webhook-signature')
    if (isRefusal(id)) return id
    if (isRefusal(at)) return at
    if (isRefusal(given)) return given
    const signatures = given.split(' ').filter((one) => one.startsWith('v1,')).map((one) => fromBase64(one.slice(3)))
    const secret = fromBase64(key.replace(/^whsec_/, ''))
    if (secret === null) return WRONG
    return { id, key: secret, hash: 'SHA-256', before: `${id}.${at}.`, signatures }
  },

  github: (call, { key }) =>
    ofBody(call, key, 'x-hub-signature-256', 'SHA-256', fromHex, 'sha256=', call.header('x-github-delivery')),

  shopify: (call, { key }) =>
    ofBody(call, key, 'x-shopify-hmac-sha256', 'SHA-256', fromBase64, '', call.header('x-shopify-webhook-id')),

  stripe(call, { key }) {
    const given = requireHeader(call, 'stripe-signature')
    if (isRefusal(given)) return given
    const parts = given.split(',').map((part) => part.trim().split('=', 2) as [string, string | undefined])
    const at = requireRecent(call, parts.find(([name]) => name === 't')?.[1] ?? '')
    if (isRefusal(at)) return at
    const signatures = parts.filter(([name]) => name === 'v1').map(([, hex = '']) => fromHex(hex))
    return { id: null, key: utf8(key), hash: 'SHA-256', before: `${at}.`, signatures }
  },

  slack(call, { key }) {
    const at = requireRecent(call, requireHeader(call, 'x-slack-request-timestamp'))
    const given = requireHeader(call, 'x-slack-signature')
    if (isRefusal(at)) return at
    if (isRefusal(given)) return given
    const signatures = given.startsWith('v0=') ? [fromHex(given.slice(3))] : []
    return { id: null, key: utf8(key), hash: 'SHA-256', before: `v0:${at}:`, signatures }
  },

  teams(call, { key }) {
    const given = requireHeader(call, 'authorization')
    if (isRefusal(given)) return given
    const secret = fromBase64(key)
    if (secret === null) return WRONG
    const signatures = given.startsWith('HMAC ') ? [fromBase64(given.slice(5).trim())] : []
    return { id: null, key: secret, hash: 'SHA-256', before: '', signatures }
  },

  hmac(call, { key, header, algorithm, encoding, prefix }) {
    const hash = ({ sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' } as const)[algorithm]
    return ofBody(call, key, header, hash, encoding === 'hex' ? fromHex : fromBase64, prefix, undefined)
  },
}

/**
 * The reason why a call cannot be signed with the key, as far as its headers show; null if the body is needed to
 * decide.
 */
export function verifyHeaders(auth: Scheme, signing: SigningKey, head: RequestHead): Refusal | null {
  const claim = SCHEMES[auth](head, signing)
  return isRefusal(claim) ? claim : null
}

/**
 * Verifies that the sender of the call has the key. AUTHENTICATION_FAILED names the missing header, or says that the
 * signature is wrong or too old. The comparison takes constant time.
 */
export async function verifySignature(
  auth: Scheme,
  signing: SigningKey,
  call: IncomingRequest,
): Promise<VerifiedDelivery | Refusal> {
  const claim = SCHEMES[auth](call, signing)
  if (isRefusal(claim)) return claim
  const { id, hash, before } = claim
  const key = await crypto.subtle.importKey('raw', claim.key, { name: 'HMAC', hash }, false, ['verify'])
  const signed = joined(utf8(before), call.bytes)
  let right = false
  for (const signature of claim.signatures.slice(0, SIGNATURES_MAX)) {
    if (signature !== null && await crypto.subtle.verify('HMAC', key, signature, signed)) right = true
  }
  return right ? { id } : WRONG
}

/**
 * The same for Discord, which signs with Ed25519: `key` is the public key in hexadecimal. Uses `node:crypto`, which all
 * our runtimes have: the Web Crypto of Node before 20.19.3 has Ed25519 too, but prints a warning to stderr.
 */
export function verifyDiscord(key: string, call: IncomingRequest): Refusal | null {
  const claim = claimOfDiscord(call)
  if (isRefusal(claim)) return claim
  return isEd25519(key, joined(utf8(claim.at), call.bytes), claim.signature) ? null : WRONG
}

/** The same as `verifyHeaders`, for Discord. */
export function verifyDiscordHeaders(head: RequestHead): Refusal | null {
  const claim = claimOfDiscord(head)
  return isRefusal(claim) ? claim : null
}

function claimOfDiscord(call: RequestHead): { readonly at: string; readonly signature: Uint8Array } | Refusal {
  const at = requireRecent(call, requireHeader(call, 'x-signature-timestamp'))
  const given = requireHeader(call, 'x-signature-ed25519')
  if (isRefusal(at)) return at
  if (isRefusal(given)) return given
  const signature = fromHex(given)
  return signature === null ? WRONG : { at, signature }
}

/**
 * True if the signature (RFC 8032) over these bytes was made with the private key of this public key, given in
 * hexadecimal.
 */
export function isEd25519(key: string, signed: Uint8Array, signature: Uint8Array): boolean {
  const bytes = fromHex(key)
  if (bytes?.length !== 32 || signature.length !== 64) return false
  try {
    const x = Buffer.from(bytes).toString('base64url')
    return isSigned(null, signed, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), signature)
  } catch {
    // These 32 bytes are not a point of the curve, so not a key.
    return false
  }
}

/** Senders sign with both keys for a while when they change keys. */
const SIGNATURES_MAX = 5

/** A claim where the body alone is signed, and one header has the signature. */
function ofBody(
  call: RequestHead,
  key: string,
  header: string,
  hash: Claim['hash'],
  decode: (text: string) => Uint8Array<ArrayBuffer> | null,
  prefix: string,
  id: string | undefined,
): Claim | Refusal {
  const given = requireHeader(call, header)
  if (isRefusal(given)) return given
  const signatures = given.startsWith(prefix) ? [decode(given.slice(prefix.length))] : []
  return { id: id === undefined || id === '' ? null : id, key: utf8(key), hash, before: '', signatures }
}

function requireHeader(call: RequestHead, header: string): string | Refusal {
  const value = call.header(header)
  return value === undefined || value === '' ? refuse('AUTHENTICATION_FAILED', `Missing header: ${header}`) : value
}

/** The signed time, if it is near enough to ours. */
function requireRecent(call: RequestHead, seconds: string | Refusal): string | Refusal {
  if (isRefusal(seconds)) return seconds
  const apart = Math.abs(Math.floor(call.now / 1000) - Number(seconds))
  if (/^\d{1,12}$/.test(seconds) && apart <= TOLERANCE_SECONDS) return seconds
  return refuse('AUTHENTICATION_FAILED', `The signature is more than ${TOLERANCE_SECONDS} s old, or has no valid time`)
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text))
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}

function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^(?:[0-9a-f]{2}){1,64}$/i.test(text)) return null
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]{1,200}={0,2}$/.test(text)) return null
  try {
    return Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0))
  } catch {
    return null
  }
}
