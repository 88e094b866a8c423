import ipaddr from 'ipaddr.js'

/** Where requests come from, as far as their connections say. A header can say anything. */
const addresses = new WeakMap<Request, string>()

/** Notes the other end of the connection that a request came on, for whoever asks about this very request. */
export function setPeerAddress(request: Request, address: string | null | undefined): void {
  if (address !== null && address !== undefined) addresses.set(request, address)
}

/**
 * Who sent a request: the other end of its connection, or, where that is a proxy that we trust, whom the proxy names in
 * `X-Forwarded-For`, and so on along that header from its end. Null where nobody knows.
 */
export function clientAddress(request: Request, trusted: readonly string[]): string | null {
  return resolveClientAddress(addresses.get(request), request.headers.get('x-forwarded-for'), trusted)
}

/** The same of a connection to `peer`, whose request had this `X-Forwarded-For`. */
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

/** Whether a trigger may be called from an address, by the list that it has; an empty one lets everybody. */
export function mayCall(allowFrom: readonly string[], address: string | null): boolean {
  return allowFrom.length === 0 || (address !== null && isInRanges(address, allowFrom))
}

/** The first half of an IPv6 address, which one subscriber has all of; the whole of an IPv4 address. Empty where it is unknown. */
export function networkOf(address: string | null): string {
  if (address === null || !ipaddr.isValid(address)) return ''
  const parsed = ipaddr.process(address)
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString()
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`
}

/** Whether an address is one of these, or in one of these ranges. IPv4 inside IPv6 is IPv4. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const parsed = addressIn(address)
  if (parsed === null) return false
  return ranges.some((text) => {
    const range = rangeOf(text)
    return range !== null && range[0].kind() === parsed.kind() && parsed.match(range)
  })
}

/** Whether this is an address or a range in CIDR notation, IPv4 or IPv6. */
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
 * The address that a text is. An IPv4 address has four decimal parts without leading zeros, also at the end of an IPv6 one:
 * the other ways to write it, as `10`, `0x7f.1` and `010.0.0.1`, are read differently by different programs.
 */
function addressIn(text: string): Address | null {
  if (text.length > CHARS_MAX) return null
  const last = text.slice(text.lastIndexOf(':') + 1)
  const four = last.includes('.')
  if (four && !ipaddr.IPv4.isValidFourPartDecimal(last)) return null
  return ipaddr.isValid(text) && (four || text.includes(':')) ? ipaddr.process(text) : null
}

/** No address is longer, not even with the name of an interface. */
const CHARS_MAX = 100

function normal(text: string | null | undefined): string | null {
  return text === undefined || text === null ? null : addressIn(text)?.toString() ?? null
}
