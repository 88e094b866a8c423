import ipaddr from 'ipaddr.js'

/**
 * Where connections may go whose address somebody else has chosen: to the internet, and nowhere else. A person who may set
 * up a webhook, a mailbox or a workflow must not be able to have us ask what stands behind our firewall, or the service that
 * hands out the keys of the machine that we run on.
 */

/** Names that are for the machine itself, or for the network that it is in. */
const INNER = ['localhost', 'local', 'internal', 'intranet', 'lan', 'home.arpa', 'test', 'invalid', 'onion', 'alt']

/** An address of the internet by its number, behind which Azure answers the questions of its machines. */
const METADATA = new Set(['168.63.129.16'])

/** 80 and 443, and above these whatever a receiver may listen on: below are mail, name and file servers. */
const PORT_MIN = 1024
const WEB_PORTS = new Set([80, 443])

/**
 * Why a webhook may not be at this URL, in words for people, as far as the URL tells; null: nothing is wrong with it.
 * The platform reads it as it does before it connects, so that an address is the same however it is spelt.
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

/** Whether a receiver of HTTP may listen at this port. */
export function isWebPort(port: number): boolean {
  return WEB_PORTS.has(port) || port >= PORT_MIN
}

/** The same for an address to which a name leads. */
export function problemWithAddress(address: string): string | null {
  if (!ipaddr.isValid(address)) return `${address} is not an address`
  const parsed = ipaddr.parse(address)
  const range = parsed.range()
  if (range !== 'unicast') return `${address} is not on the internet (${range})`
  if (METADATA.has(parsed.toString())) return `${address} is not on the internet (metadata)`
  // Of IPv6 no more than this has been given to anybody; what else is no range by name may lead anywhere.
  const outside = parsed instanceof ipaddr.IPv6 && ((parsed.parts[0] ?? 0) & 0xe000) !== 0x2000
  return outside ? `${address} is not on the internet (unassigned)` : null
}

/** The address that a host is, in its usual spelling; null: it is a name. Brackets are taken off. */
export function addressIn(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return ipaddr.isValid(bare) ? ipaddr.parse(bare).toString() : null
}

/** The same for a host: an address, or a name that is only known in our own network. */
export function problemWithHost(hostname: string): string | null {
  const address = addressIn(hostname)
  if (address !== null) return problemWithAddress(address)
  const name = normalizeHost(hostname)
  if (!name.includes('.') || INNER.some((inner) => name === inner || name.endsWith(`.${inner}`))) {
    return `${name} is a name of the machine or of its own network`
  }
  return null
}

/** A name as it is compared with others. */
export function normalizeHost(hostname: string): string {
  return hostname.toLowerCase().replace(/\.+$/, '')
}
