import ipaddr from 'ipaddr.js'
import type { Settings } from '../../core/settings.ts'
import { cut } from '../../core/base/text.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'

/*
 * Pages of the web, and what they may have a visitor's browser ask us. A browser names the page in `Origin`, and says in
 * `Sec-Fetch-Site` how it stands to us; pages can set neither. Programs and robots send none of the two.
 */

/** What a request says of the page that it comes from, and of the name under which it looked for us. */
export interface RequestOrigin {
  readonly origin: string | null
  readonly site: string | null
  readonly host: string | null
}

/** Reads that from the headers of a request. */
export function requestOrigin(header: (name: string) => string | null | undefined): RequestOrigin {
  return {
    origin: header('origin') ?? null,
    site: header('sec-fetch-site')?.toLowerCase() ?? null,
    host: header('host')?.toLowerCase() ?? null,
  }
}

/** Whether this is how browsers write where a page is from: a scheme, a host, and a port where that is not the scheme's. */
export function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/.test(text)) return false
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text)
}

/** FORBIDDEN for a page that may not ask. `byPlace`: nothing else than where it is speaks for it. */
export function pageRefused(from: RequestOrigin, allowed: readonly string[], byPlace: boolean): Refusal | null {
  return foreignPage(from, allowed) ?? (byPlace ? reboundPage(from, allowed) : null)
}

/** The same for a page that would connect as a robot: where robots need no key, only its place speaks for it. */
export function robotPageRefused(
  header: Parameters<typeof requestOrigin>[0],
  { allowedOrigins, robotsAuth }: Pick<Settings, 'allowedOrigins' | 'robotsAuth'>,
): Refusal | null {
  return pageRefused(requestOrigin(header), allowedOrigins, robotsAuth === 'open')
}

/** FORBIDDEN for a page of another site that is not among those that are allowed. */
export function foreignPage(from: RequestOrigin, allowed: readonly string[]): Refusal | null {
  const { origin, site, host } = from
  if (origin !== null && allowed.includes(origin)) return null
  if (site === 'same-origin' || site === 'none') return null
  // An old browser, or one that came without TLS.
  if (site === null && (origin === null || hostIn(origin) === bare(host, origin))) return null
  const page = origin === null ? 'another site' : cut(origin, 100)
  return refuse('FORBIDDEN', `A page of ${page} may not ask this: the operator can name it in allowed_origins`, {
    origin: origin === null ? null : cut(origin, 100),
  })
}

/**
 * The same for a page of ours, where nothing else than its place speaks for a request. Whoever runs a name can have it lead to
 * this machine once his page is open: then it is of the same origin. An address has no such owner, and to come over TLS
 * takes a certificate.
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

/** A `Host` without the port that goes without saying. */
function bare(host: string | null, origin: string): string | null {
  const port = origin.startsWith('https:') ? ':443' : ':80'
  return host?.endsWith(port) === true ? host.slice(0, -port.length) : host
}

/** Whether a host is an address, or a name that leads to the machine itself by any browser's rules. */
function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return name.startsWith('[') ? ipaddr.IPv6.isValid(name.slice(1, -1)) : ipaddr.IPv4.isValidFourPartDecimal(name)
}
