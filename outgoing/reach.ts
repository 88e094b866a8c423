import ipaddr from 'ipaddr.js'
import { addressIn, isWebPort, normalizeHost, problemWithAddress, problemWithHost } from './address.ts'

/**
 * The hosts that may be connected to, as an operator lists them. An entry is `*` for the internet, a name or an
 * address, which may then be private, or a network such as `10.0.0.0/8`. A suffix `:8080` allows a port that is not a
 * usual one, `:*` any port. IPv6 with a port stands in brackets.
 */
export interface Reach {
  /**
   * The reason why this host may not be connected to, in words for people; null if it may. Without an address, only
   * host and port are judged: ask again for each address that the name resolves to.
   */
  problem(host: string, port: number, address?: string | null): string | null
}

/** The ports that an entry without a port allows. */
export const USUAL_PORTS = {
  http: isWebPort,
  imap: (port: number): boolean => port === 143 || port === 993,
} as const

/** The default list. */
export const INTERNET: readonly string[] = ['*']

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

interface Entry {
  readonly hosts: '*' | { readonly name: string } | { readonly range: Range }
  readonly ports: '*' | 'usual' | number
}

/** Parses a list. Throws a `TypeError` that names an invalid entry; `isReachEntry` checks one beforehand. */
export function reachOf(list: readonly string[], isUsual: (port: number) => boolean): Reach {
  const entries = list.map((text) => {
    const entry = entryOf(text)
    if (entry === null) throw new TypeError(`not a host, an address or a network: ${text}`)
    return entry
  })
  return {
    problem(host, port, address = addressIn(host)) {
      const onPort = entries.filter(({ ports }) =>
        ports === '*' || (ports === 'usual' ? isUsual(port) : ports === port)
      )
      const problems = onPort.map(({ hosts }) => problemFor(hosts, host, address))
      if (problems.includes(null)) return null
      if (onPort.length === 0) return `port ${port} may not be used`
      const internet = problems[onPort.findIndex(({ hosts }) => hosts === '*')]
      return internet ?? `${host} is not among the hosts that may be reached`
    },
  }
}

/** Splits a comma-separated list. The entries are not checked. */
export function reachEntries(text: string): readonly string[] {
  return text.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '')
}

/** True if the text is a valid entry of such a list. */
export function isReachEntry(text: string): boolean {
  return entryOf(text) !== null
}

function problemFor(hosts: Entry['hosts'], host: string, address: string | null): string | null {
  if (hosts === '*') return address === null ? problemWithHost(host) : problemWithAddress(address)
  if ('name' in hosts) return hosts.name === normalizeHost(host) ? null : 'another name'
  return address === null || isIn(address, hosts.range) ? null : 'another network'
}

function isIn(address: string, range: Range): boolean {
  if (!ipaddr.isValid(address)) return false
  // An IPv4 address inside IPv6 leads to the same host as the IPv4 address.
  const parsed = ipaddr.process(address)
  return parsed.kind() === range[0].kind() && parsed.match(range)
}

function entryOf(text: string): Entry | null {
  const [, host = text, port] = /^(\[[^\]]*\]|[^:]*)(?::([^:]+))?$/.exec(text) ?? []
  const hosts = hostsOf(/^\[.*\]$/.test(host) ? host.slice(1, -1) : host)
  if (hosts === null) return null
  if (port === undefined || port === '*') return { hosts, ports: port ?? 'usual' }
  return /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535 ? { hosts, ports: Number(port) } : null
}

function hostsOf(host: string): Entry['hosts'] | null {
  if (host === '*') return host
  if (host.includes('/')) {
    // All four parts of an IPv4 address are required: `10/8` would be read as 0.0.0.10.
    const known = ipaddr.IPv4.isValidCIDRFourPartDecimal(host) || ipaddr.IPv6.isValidCIDR(host)
    return known ? { range: ipaddr.parseCIDR(host) } : null
  }
  // Normalise as the platform does before it connects, so that every spelling of a host is judged alike.
  const url = `http://${host.includes(':') ? `[${host}]` : host}/`
  if (!/^[^\s/@?#\\*%]+$/.test(host) || !URL.canParse(url)) return null
  const { hostname } = new URL(url)
  const address = addressIn(hostname)
  if (address === null) return { name: normalizeHost(hostname) }
  const parsed = ipaddr.process(address)
  return { range: [parsed, parsed.kind() === 'ipv4' ? 32 : 128] }
}
