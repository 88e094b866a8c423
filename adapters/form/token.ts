import { randomBytes } from 'node:crypto'
import type { Millis } from '../../core/base/ids.ts'

/*
 * A form without a login is still worth forging. A page of somebody else's could have a visitor's browser send it: from
 * an address that may, in his name as far as `submitter_ip` tells, as often as people come by. So what is sent has to
 * come from a page that we drew for this very browser: the page has a token, the browser a cookie, and the token is
 * signed together with the cookie. A stranger can fetch a token, but not the one that goes with his visitor's cookie,
 * and his page can neither read ours nor set our cookie. Nothing is kept for it: the key is the trigger's own.
 *
 * The token is also what makes a form one form: sent twice, it is one job.
 */

/** What a token says about what it came with: the name of this one filling in, or why it does not count. */
export type TokenCheck = { readonly dedupeKey: string } | { readonly wrong: 'absent' | 'old' | 'foreign' }

/** A name for a browser, for its cookie: 128 bits, and nothing about whom it belongs to. */
export function newBrowser(): string {
  return randomBytes(16).toString('base64url')
}

/** Whether a cookie is one that we may have set. */
export function isBrowser(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{22}$/.test(text)
}

/** A token for one page, drawn for one browser now. */
export async function newToken(key: string, form: string, browser: string, now: Millis): Promise<string> {
  const page = `${now.toString(36)}.${randomBytes(16).toString('base64url')}`
  return `${page}.${await sign(key, ['page', form, browser, page])}`
}

/** Whether we drew the page that this token is from, for this browser, and not longer ago than `mostMs`. */
export async function checkToken(
  key: string,
  form: string,
  browser: string | undefined,
  token: string | undefined,
  now: Millis,
  mostMs: Millis,
): Promise<TokenCheck> {
  if (!isBrowser(browser) || token === undefined || token === '') return { wrong: 'absent' }
  const [, page, at = '', dedupeKey = '', signature = ''] =
    /^(([0-9a-z]{1,11})\.([\w-]{22}))\.([\w-]{43})$/.exec(token) ??
      []
  if (page === undefined || !await isSigned(key, ['page', form, browser, page], signature)) return { wrong: 'foreign' }
  return now - Number.parseInt(at, 36) > mostMs ? { wrong: 'old' } : { dedupeKey }
}

/** What the address of the page of thanks says: which job there is, signed, so that nobody puts his own words there. */
export async function newReceipt(key: string, form: string, reference: string): Promise<string> {
  return `${reference}.${await sign(key, ['receipt', form, reference])}`
}

/** The job that a receipt tells of, empty where there is none; null for what is no receipt of this form. */
export async function readReceipt(key: string, form: string, receipt: string): Promise<string | null> {
  const [, reference, signature = ''] = /^([\w-]{0,64})\.([\w-]{43})$/.exec(receipt) ?? []
  if (reference === undefined) return null
  return await isSigned(key, ['receipt', form, reference], signature) ? reference : null
}

async function sign(key: string, words: readonly string[]): Promise<string> {
  const signature = await crypto.subtle.sign('HMAC', await keyOf(key, 'sign'), bytesOf(words))
  return Buffer.from(signature).toString('base64url')
}

async function isSigned(key: string, words: readonly string[], signature: string): Promise<boolean> {
  const bytes = Uint8Array.from(Buffer.from(signature, 'base64url'))
  // The last of 43 characters has two bits more than there are to be written: only one way of writing them counts.
  if (Buffer.from(bytes).toString('base64url') !== signature) return false
  return await crypto.subtle.verify('HMAC', await keyOf(key, 'verify'), bytes, bytesOf(words))
}

function keyOf(key: string, use: 'sign' | 'verify') {
  return crypto.subtle.importKey('raw', new TextEncoder().encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, [use])
}

function bytesOf(words: readonly string[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(words)))
}
