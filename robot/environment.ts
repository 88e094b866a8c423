import { realpathSync } from 'node:fs'
import { isReachEntry, reachEntries } from '../outgoing/reach.ts'
import { NODES } from './nodes/table.ts'
import type { RobotOptions } from './robot.ts'
import { createRunner } from './runner.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The robot's options as the environment gives them. Throws an `Error` that names the variable which is not usable. */
export function optionsFrom(env: Environment): RobotOptions {
  const read = (name: string, fallback: string): string => env[name]?.trim() || fallback
  const id = read('CASARE_ROBOT_ID', 'reference-robot')
  const slots = read('CASARE_ROBOT_SLOTS', '2')
  if (!/^[1-9]\d{0,2}$/.test(slots)) throw new Error(`CASARE_ROBOT_SLOTS must be a number from 1 to 999: ${slots}`)
  const url = read('CASARE_ROBOT_URL', 'ws://127.0.0.1:8765')
  if (!/^wss?:\/\/./.test(url)) throw new Error(`CASARE_ROBOT_URL must start with ws:// or wss://: ${url}`)
  const api = env['CASARE_ROBOT_API']?.trim() || undefined
  if (api !== undefined && !/^https?:\/\/./.test(api)) {
    throw new Error(`CASARE_ROBOT_API must start with http:// or https://: ${api}`)
  }
  const files = read('CASARE_ROBOT_FILES', '.')
  const state = env['CASARE_ROBOT_STATE']?.trim() || undefined
  return {
    url,
    api,
    key: env['CASARE_ROBOT_KEY']?.trim() || undefined,
    id,
    name: read('CASARE_ROBOT_NAME', id),
    environment: read('CASARE_ROBOT_ENVIRONMENT', 'default'),
    maxConcurrentJobs: Number(slots),
    tags: listOf(read('CASARE_ROBOT_TAGS', '')),
    stateFile: state === 'none' ? false : state,
    capabilities: {
      runner: 'reference',
      runtime: `node ${process.versions.node}`,
      formats: ['workflow'],
      node_types: Object.keys(NODES),
    },
    runner: createRunner({ root: folderOf(files), httpHosts: hostsOf(read('CASARE_ROBOT_HTTP_HOSTS', '*')) }),
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
