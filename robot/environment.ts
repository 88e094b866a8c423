import { realpathSync } from 'node:fs'
import { isReachEntry, reachEntries } from '../outgoing/reach.ts'
import { ROBOT_OPTIONS } from './flags.ts'
import { NODES } from './nodes/table.ts'
import type { RobotOptions } from './robot.ts'
import { createRunner } from './runner.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the robot's options from environment variables. Throws an `Error` that names the invalid variable. */
export function optionsFrom(env: Environment): RobotOptions {
  const read = (name: keyof typeof ROBOT_OPTIONS): string => {
    const { variable, fallback } = ROBOT_OPTIONS[name]
    return env[variable]?.trim() || fallback
  }
  const id = read('id')
  const slots = read('slots')
  if (!/^[1-9]\d{0,2}$/.test(slots)) throw new Error(`CASARE_ROBOT_SLOTS must be a number from 1 to 999: ${slots}`)
  const url = read('url')
  if (!/^wss?:\/\/./.test(url)) throw new Error(`CASARE_ROBOT_URL must start with ws:// or wss://: ${url}`)
  const api = read('api')
  if (api !== '' && !/^https?:\/\/./.test(api)) {
    throw new Error(`CASARE_ROBOT_API must start with http:// or https://: ${api}`)
  }
  const state = read('state')
  return {
    url,
    api: api || undefined,
    key: read('key') || undefined,
    id,
    name: read('name') || id,
    environment: read('environment'),
    maxConcurrentJobs: Number(slots),
    tags: listOf(read('tags')),
    stateFile: state === 'none' ? false : state || undefined,
    capabilities: {
      runner: 'reference',
      runtime: `node ${process.versions.node}`,
      formats: ['workflow'],
      node_types: Object.keys(NODES),
    },
    runner: createRunner({ root: folderOf(read('files')), httpHosts: hostsOf(read('hosts')) }),
  }
}

function folderOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    throw new Error(`CASARE_ROBOT_FILES must be a folder that exists: ${path}`)
  }
}

function listOf(text: string): readonly string[] {
  return text.split(',').map((item) => item.trim()).filter((item) => item !== '')
}

function hostsOf(text: string): readonly string[] {
  const hosts = reachEntries(text)
  const wrong = hosts.find((host) => !isReachEntry(host))
  if (wrong === undefined) return hosts
  throw new Error(
    `CASARE_ROBOT_HTTP_HOSTS must be hosts, addresses and networks, each with a port or without: ${wrong}`,
  )
}
