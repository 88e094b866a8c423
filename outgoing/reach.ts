import ipaddr from 'ipaddr.js'
import { addressIn, isWebPort, normalizeHost, problemWithAddress, problemWithHost } from './address.ts'

/**
 * Which hosts may be connected to, as an operator lists them. An entry is `*` for the internet, a name or an address that is
 * meant wherever it is, or a network as `10.0.0.0/8`; behind it stands `:8080` for a port that is not a usual one, or `:*`
 * for any. IPv6 with a port is in brackets.
 */
export interface Reach {
  /**
   * Why this host may not be connected to, in words for people; null: it may be. Without an address only what the host and
   * port say is judged, so it is to be asked again for each address that the name leads to.
   */
  problem(host: string, port: number, address?: string | null): string | null
}

/** The ports that are meant where an entry has none. */
export const USUAL_PORTS = {
  http: isWebPort,
  imap: (port: number): boolean => port === 143 || port === 993,
} as const

/** What is reached where nothing is listed. */
export const INTERNET: readonly string[] = ['*']

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

interface Entry {
  readonly hosts: '*' | { readonly name: string } | { readonly range: Range }
  readonly ports: '*' | 'usual' | number
}

/** Reads a list. Throws a `TypeError` that names an entry that is not usable; `isReachEntry` says so before. */
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

/** The entries of a list that is written with commas between them; as it is, they may be wrong. */
export function reachEntries(text: string): readonly string[] {
  return text.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '')
}

/** Whether a text can stand in such a list. */
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
  // IPv4 inside IPv6 leads where IPv4 does.
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
    // The four parts of an IPv4 address have to be there: `10/8` would be 0.0.0.10.
    const known = ipaddr.IPv4.isValidCIDRFourPartDecimal(host) || ipaddr.IPv6.isValidCIDR(host)
    return known ? { range: ipaddr.parseCIDR(host) } : null
  }
  // As the platform reads it before it connects, so that a host is the same however it is spelt.
  const url = `http://${host.includes(':') ? `[${host}]` : host}/`
  if (!/^[^\s/@?#\\*%]+$/.test(host) || !URL.canParse(url)) return null
  const { hostname } = new URL(url)
  const address = addressIn(hostname)
  if (address === null) return { name: normalizeHost(hostname) }
  const parsed = ipaddr.process(address)
  return { range: [parsed, parsed.kind() === 'ipv4' ? 32 : 128] }
}
