import { randomBytes } from 'node:crypto'
import type { Millis } from '../../core/base/ids.ts'

/*
 * Protection against forged submissions. A form without a login is still worth forging: another site's page could make
 * a visitor's browser submit it, from an address that is allowed, under the visitor's name as far as `submitter_ip`
 * shows, as often as that page is visited. So a submission must come from a page that we rendered for this very
 * browser: the page has a token, the browser a cookie, and the token is signed together with the cookie. An attacker
 * can fetch a token, but not the one that belongs to the visitor's cookie, and the attacker's page can neither read
 * ours nor set our cookie. No state is stored: the key is the trigger's own. The token also identifies the form that
 * was filled in: submitted twice, it is one job.
 */

/** The result of checking a token: the id of this submission, or the reason why the token is invalid. */
export type TokenCheck = { readonly dedupeKey: string } | { readonly wrong: 'absent' | 'old' | 'foreign' }

/** A random value of 128 bits for a browser's cookie, without any information about the person. */
export function newBrowser(): string {
  return randomBytes(16).toString('base64url')
}

/** True if the cookie has the format of ours. */
export function isBrowser(text: string | undefined): text is string {
  return text !== undefined && /^[\w-]{22}$/.test(text)
}

/** A token for one page, rendered for one browser now. */
export async function newToken(key: string, form: string, browser: string, now: Millis): Promise<string> {
  const page = `${now.toString(36)}.${randomBytes(16).toString('base64url')}`
  return `${page}.${await sign(key, ['page', form, browser, page])}`
}

/** Checks that we rendered the page of this token for this browser, not longer ago than `mostMs`. */
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

/**
 * The signed reference of a job in the address of the confirmation page. The signature prevents others from showing
 * their own text there.
 */
export async function newReceipt(key: string, form: string, reference: string): Promise<string> {
  return `${reference}.${await sign(key, ['receipt', form, reference])}`
}

/** The job id in a receipt, empty if there is no job; null if it is not a receipt of this form. */
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
  // The last of 43 characters has two unused bits: only the canonical encoding is accepted.
  if (Buffer.from(bytes).toString('base64url') !== signature) return false
  return await crypto.subtle.verify('HMAC', await keyOf(key, 'verify'), bytes, bytesOf(words))
}

function keyOf(key: string, use: 'sign' | 'verify') {
  return crypto.subtle.importKey('raw', new TextEncoder().encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, [use])
}

function bytesOf(words: readonly string[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(words)))
}
