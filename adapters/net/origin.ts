import ipaddr from 'ipaddr.js'
import type { Settings } from '../../core/settings.ts'
import { cut } from '../../core/base/text.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'

/*
 * Checks of requests that web pages make a visitor's browser send. A browser names the page in `Origin`, and its
 * relation to us in `Sec-Fetch-Site`; pages can set neither. Programs and robots send neither.
 */

/** The origin of the page that a request comes from, and the host name that it used. */
export interface RequestOrigin {
  readonly origin: string | null
  readonly site: string | null
  readonly host: string | null
}

/** Reads the origin from the headers of a request. */
export function requestOrigin(header: (name: string) => string | null | undefined): RequestOrigin {
  return {
    origin: header('origin') ?? null,
    site: header('sec-fetch-site')?.toLowerCase() ?? null,
    host: header('host')?.toLowerCase() ?? null,
  }
}

/**
 * True if the text is an origin as browsers write it: a scheme, a host, and a port unless it is the scheme's default.
 */
export function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/.test(text)) return false
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text)
}

/**
 * FORBIDDEN for a page that may not send requests. `byPlace`: the request has no other authorisation than its location.
 */
export function pageRefused(from: RequestOrigin, allowed: readonly string[], byPlace: boolean): Refusal | null {
  return foreignPage(from, allowed) ?? (byPlace ? reboundPage(from, allowed) : null)
}

/** The same for a page that would connect as a robot: with open authentication, only its location authorises it. */
export function robotPageRefused(
  header: Parameters<typeof requestOrigin>[0],
  { allowedOrigins, robotsAuth }: Pick<Settings, 'allowedOrigins' | 'robotsAuth'>,
): Refusal | null {
  return pageRefused(requestOrigin(header), allowedOrigins, robotsAuth === 'open')
}

/** FORBIDDEN for a page of another site that is not in the list. */
export function foreignPage(from: RequestOrigin, allowed: readonly string[]): Refusal | null {
  const { origin, site, host } = from
  if (origin !== null && allowed.includes(origin)) return null
  if (site === 'same-origin' || site === 'none') return null
  // An old browser, or a page without TLS.
  if (site === null && (origin === null || hostIn(origin) === bare(host, origin))) return null
  const page = origin === null ? 'another site' : cut(origin, 100)
  return refuse('FORBIDDEN', `A page of ${page} may not ask this: the operator can name it in allowed_origins`, {
    origin: origin === null ? null : cut(origin, 100),
  })
}

/**
 * FORBIDDEN for a page of our own origin that may be the result of DNS rebinding, if its location is the only
 * authorisation. The owner of a name can point it to this machine once the page is open; then the page has our origin.
 * An address has no such owner, and TLS would need a certificate.
 */
export function reboundPage(from: RequestOrigin, allowed: readonly string[]): Refusal | null {
  const { origin, site, host } = from
  if (origin === null && site === null) return null
  if (origin?.startsWith('https://') === true || (origin !== null && allowed.includes(origin))) return null
  const name = bare(host, origin ?? '') ?? ''
  if (isLoopback(name) || allowed.some((one) => hostIn(one) === name)) return null
  const message = `Pages at ${cut(name, 100)} may not ask this: the operator can name them in allowed_origins`
  return refuse('FORBIDDEN', message, { host: cut(name, 100) })
}

function hostIn(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null
}

/** A `Host` without its scheme's default port. */
function bare(host: string | null, origin: string): string | null {
  const port = origin.startsWith('https:') ? ':443' : ':80'
  return host?.endsWith(port) === true ? host.slice(0, -port.length) : host
}

/** True if a host is an address, or a name that leads to the machine itself by the rules of every browser. */
function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return name.startsWith('[') ? ipaddr.IPv6.isValid(name.slice(1, -1)) : ipaddr.IPv4.isValidFourPartDecimal(name)
}
