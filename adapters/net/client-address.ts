import ipaddr from 'ipaddr.js'

/** The property of a request with the address of its peer, from its connection. Headers can be forged. */
const PEER = Symbol('peer address')

/** A weak map instead of a property of its own costs each request more than finding its route. */
interface Addressed extends Request {
  [PEER]?: string
}

/** Records the address of the peer of the connection that a request came on. */
export function setPeerAddress(request: Request, address: string | null | undefined): void {
  if (address !== null && address !== undefined) (request as Addressed)[PEER] = address
}

/**
 * The address of the client: the peer of the connection or, if that is a trusted proxy, the last address in
 * `X-Forwarded-For`, and so on from its end while that is a trusted proxy. Null if unknown.
 */
export function clientAddress(request: Request, trusted: readonly string[]): string | null {
  return resolveClientAddress((request as Addressed)[PEER], request.headers.get('x-forwarded-for'), trusted)
}

/** The same for a connection from `peer`, whose request had this `X-Forwarded-For`. */
export function resolveClientAddress(
  peer: string | null | undefined,
  header: string | null | undefined,
  trusted: readonly string[],
): string | null {
  let address = normal(peer)
  const forwarded = (header ?? '').split(',')
  while (address !== null && trusted.length > 0 && isInRanges(address, trusted)) {
    const before = normal(forwarded.pop()?.trim())
    if (before === null) break
    address = before
  }
  return address
}

/** True if a trigger with this list may be called from an address; an empty list allows all. */
export function mayCall(allowFrom: readonly string[], address: string | null): boolean {
  return allowFrom.length === 0 || (address !== null && isInRanges(address, allowFrom))
}

/**
 * The network that counts as one client: the first half of an IPv6 address, which a single subscriber has, or a whole
 * IPv4 address. Empty if unknown.
 */
export function networkOf(address: string | null): string {
  if (address === null || !ipaddr.isValid(address)) return ''
  const parsed = ipaddr.process(address)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString()
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`
}

/** True if an address is in the list, or in one of its ranges. IPv4 inside IPv6 counts as IPv4. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const parsed = addressIn(address)
  if (parsed === null) return false
  return ranges.some((text) => {
    const range = rangeOf(text)
    return range !== null && range[0].kind() === parsed.kind() && parsed.match(range)
  })
}

/** True if the text is an address or a range in CIDR notation, IPv4 or IPv6. */
export function isRange(text: string): boolean {
  return rangeOf(text) !== null
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Range = [Address, number]

function rangeOf(text: string): Range | null {
  const [, base] = /^([^/]+)\/\d{1,3}$/.exec(text) ?? []
  if (base !== undefined) return addressIn(base) === null || !ipaddr.isValidCIDR(text) ? null : ipaddr.parseCIDR(text)
  const address = addressIn(text)
  return address === null ? null : [address, address.kind() === 'ipv4' ? 32 : 128]
}

/**
 * Parses an address. An IPv4 address needs four decimal parts without leading zeros, also at the end of an IPv6 one:
 * programs disagree about the other notations, such as `10`, `0x7f.1` and `010.0.0.1`.
 */
function addressIn(text: string): Address | null {
  if (text.length > CHARS_MAX) return null
  const last = text.slice(text.lastIndexOf(':') + 1)
  const four = last.includes('.')
  if (four && !ipaddr.IPv4.isValidFourPartDecimal(last)) return null
  return ipaddr.isValid(text) && (four || text.includes(':')) ? ipaddr.process(text) : null
}

/** No address is longer, even with the name of an interface. */
const CHARS_MAX = 100

function normal(text: string | null | undefined): string | null {
  return text === undefined || text === null ? null : addressIn(text)?.toString() ?? null
}
