import ipaddr from 'ipaddr.js'

/**
 * Destinations of connections whose address an API user has chosen: hosts on the internet only. A user who may set up a
 * webhook, a mailbox or a workflow must not be able to make us connect to hosts behind our firewall, or to the service
 * that hands out the credentials of the machine that we run on.
 */

/** Names that stand for the machine itself, or for its own network. */
const INNER = ['localhost', 'local', 'internal', 'intranet', 'lan', 'home.arpa', 'test', 'invalid', 'onion', 'alt']

/** A public address at which Azure serves metadata and credentials to its machines. */
const METADATA = new Set(['168.63.129.16'])

/** 80, 443, and ports from 1024, where receivers of HTTP listen. Below are mail, name and file servers. */
const PORT_MIN = 1024
const WEB_PORTS = new Set([80, 443])

/**
 * The problem with this URL of a webhook as far as the text shows, in words for people; null if there is none. The
 * platform's parser normalises the host first, so that every spelling of an address is judged alike.
 */
export function problemWithUrl(text: string, allowPrivate: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null) return 'is not a URL'
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) return 'must begin with https://'
  if (url.username !== '' || url.password !== '') return 'must not have a user name or a password in it'
  if (allowPrivate) return null
  if (url.port !== '' && !isWebPort(Number(url.port))) return `must not be on port ${url.port}`
  return problemWithHost(url.hostname)
}

/** True if a receiver of HTTP may listen on this port. */
export function isWebPort(port: number): boolean {
  return WEB_PORTS.has(port) || port >= PORT_MIN
}

/** The problem with an address that a name resolves to; null if there is none. */
export function problemWithAddress(address: string): string | null {
  if (!ipaddr.isValid(address)) return `${address} is not an address`
  const parsed = ipaddr.parse(address)
  const range = parsed.range()
  if (range !== 'unicast') return `${address} is not on the internet (${range})`
  if (METADATA.has(parsed.toString())) return `${address} is not on the internet (metadata)`
  // Only 2000::/3 has been assigned. The rest of IPv6, as far as it belongs to no range with a name, may lead anywhere.
  const outside = parsed instanceof ipaddr.IPv6 && ((parsed.parts[0] ?? 0) & 0xe000) !== 0x2000
  return outside ? `${address} is not on the internet (unassigned)` : null
}

/** The address that a host stands for, in its usual spelling and without brackets; null if the host is a name. */
export function addressIn(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return ipaddr.isValid(bare) ? ipaddr.parse(bare).toString() : null
}

/** The problem with a host: a private address, or a name that only our own network knows. Null if there is none. */
export function problemWithHost(hostname: string): string | null {
  const address = addressIn(hostname)
  if (address !== null) return problemWithAddress(address)
  const name = normalizeHost(hostname)
  if (!name.includes('.') || INNER.some((inner) => name === inner || name.endsWith(`.${inner}`))) {
    return `${name} is a name of the machine or of its own network`
  }
  return null
}

/** A host name in the form in which names are compared. */
export function normalizeHost(hostname: string): string {
  return hostname.toLowerCase().replace(/\.+$/, '')
}
