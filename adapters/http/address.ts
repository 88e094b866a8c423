import ipaddr from 'ipaddr.js'

/** Where requests come from, as far as their connections say. A header can say anything. */
const addresses = new WeakMap<Request, string>()

/** Notes the other end of the connection that a request came on, for whoever asks about this very request. */
export function noteAddress(request: Request, address: string | null | undefined): void {
  if (address !== null && address !== undefined) addresses.set(request, address)
}

/**
 * Who sent a request: the other end of its connection, or, where that is a proxy that we trust, whom the proxy names in
 * `X-Forwarded-For`, and so on along that header from its end. Null where nobody knows.
 */
export function addressOf(request: Request, trusted: readonly string[]): string | null {
  let address = normal(addresses.get(request))
  const forwarded = (request.headers.get('x-forwarded-for') ?? '').split(',')
  while (address !== null && trusted.length > 0 && isWithin(address, trusted)) {
    const before = normal(forwarded.pop()?.trim())
    if (before === null) break
    address = before
  }
  return address
}

/** Whether an address is one of these, or in one of these ranges. IPv4 inside IPv6 is IPv4. */
export function isWithin(address: string, ranges: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  return ranges.some((text) => {
    const range = rangeOf(text)
    return range !== null && range[0].kind() === parsed.kind() && parsed.match(range)
  })
}

/** Whether this is an address or a range in CIDR notation, IPv4 or IPv6. */
export function isRange(text: string): boolean {
  return rangeOf(text) !== null
}

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

function rangeOf(text: string): Range | null {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  // The four parts of an IPv4 address have to be there: `10` is no way to write one.
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return null
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function normal(text: string | undefined): string | null {
  return text !== undefined && ipaddr.isValid(text) ? ipaddr.process(text).toString() : null
}
