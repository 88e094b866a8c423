import { afterAll, describe, expect, test } from 'vitest'
import { type Fleet, openFleet, type Platform } from '../../../adapters/fleet/fleet.ts'
import { httpApp } from '../../../adapters/http/app.ts'
import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import { memoryStore } from '../../../adapters/store/memory.ts'
import type { KeyId } from '../../../core/base/ids.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { DiscordKeys, type Headers, slackHeaders, teamsHeaders } from './call.ts'
import { until } from '../../wire/api.ts'

/** The answers to platforms while the database is slow: in time, and never ahead of the facts. */

const DISCORD = new DiscordKeys()
const TEAMS_KEY = 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA='
const KEY = 'a key of sixteen characters'.replaceAll(' ', '_')
const ADMIN = `crpa_${'x'.repeat(43)}`

interface Place {
  readonly fleet: Fleet
  /** The duration of a commit from now on. */
  slow(ms: number): void
  /** The number of completed commits. */
  commits(): number
  /** The next commit fails, after it has been made or without it. */
  fail(made: boolean): void
  call(path: string, body: string, headers: Headers): Promise<{ readonly status: number; readonly body: string }>
  jobs(): Promise<number>
}

const open: Fleet[] = []
afterAll(async () => {
  for (const fleet of open.splice(0)) await fleet.stop()
})

/** A store in memory whose commits can be slow, or fail. */
class SlowStore {
  wait = 0
  commits = 0
  failure: { readonly made: boolean } | null = null

  open(): Store {
    const inner = memoryStore()
    return {
      ...inner,
      commit: async (out) => {
        if (this.wait > 0) await new Promise((resolve) => setTimeout(resolve, this.wait))
        this.commits++
        const now = this.failure
        this.failure = null
        if (now === null) return await inner.commit(out)
        if (now.made) await inner.commit(out)
        throw new Error('the disk is gone')
      },
    }
  }
}

function newPlatform(): Platform {
  let timer: ReturnType<typeof setTimeout> | undefined
  return {
    hibernates: false,
    now: Date.now,
    uuid: () => crypto.randomUUID(),
    rowId: () => crypto.randomUUID(),
    seed: () => 1,
    defer: (run) => void setImmediate(run),
    post: () => Promise.reject(new Error('there is no network')),
    setAlarm(at, ring) {
      clearTimeout(timer)
      if (at !== null) timer = setTimeout(ring, Math.min(Math.max(0, at - Date.now()), 2 ** 30))
    },
    log: () => {},
  }
}

async function place(platformName: string, secret: string, more: object = {}): Promise<Place> {
  const disk = new SlowStore()
  const fleet = await openFleet(disk.open(), newPlatform(), DEFAULTS, () => {})
  open.push(fleet)
  await fleet.request((reply) => ({
    type: 'key.created',
    reply,
    key: 'k' as KeyId,
    name: 'admin',
    secret: hashOf(ADMIN),
    scopes: ['admin'],
    robot: null,
  }))
  const app = httpApp(fleet, { version: '0', durability: 'full' })
  const api = async (method: string, path: string, body?: object) => {
    const headers = { Authorization: `Bearer ${ADMIN}`, 'Content-Type': 'application/json' }
    const response = await app.request(`/api/v1${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    const json = await response.json() as { readonly items: readonly unknown[] }
    if (response.status >= 300) throw new Error(JSON.stringify(json))
    return json
  }
  await api('POST', '/workflows', { id: 'w', name: 'W', json_definition: { nodes: {}, connections: [] } })
  await api('POST', '/workflows/w/publish')
  const trigger = { id: 't', name: 'T', workflow_id: 'w', trigger_type: 'chat', secret }
  await api('POST', '/triggers', { ...trigger, config: { platform: platformName, user_filter: ['*'], ...more } })
  return {
    fleet,
    slow: (ms) => void (disk.wait = ms),
    commits: () => disk.commits,
    fail: (made) => void (disk.failure = { made }),
    async call(path, body, headers) {
      const response = await app.request(path, { method: 'POST', headers, body })
      return { status: response.status, body: await response.text() }
    },
    jobs: async () => (await api('GET', '/jobs')).items.length,
  }
}

const seconds = (): number => Math.floor(Date.now() / 1_000)

/** A message of each platform, as it sends it now. */
const MESSAGES: Readonly<
  Record<string, { readonly key: string; send: (id: string) => { body: string; headers: Headers } }>
> = {
  'slack command': {
    key: KEY,
    send(id) {
      const body = `command=%2Fgo&text=now&channel_id=C1&user_id=U1&trigger_id=${id}`
      return { body, headers: slackHeaders(KEY, body, seconds()) }
    },
  },
  'slack event': {
    key: KEY,
    send(id) {
      const event = { type: 'message', channel: 'C1', user: 'U1', text: 'go', ts: `1355517523.00000${id}` }
      const body = JSON.stringify({ type: 'event_callback', team_id: 'T1', event_id: `Ev${id}`, event })
      return { body, headers: slackHeaders(KEY, body, seconds()) }
    },
  },
  telegram: {
    key: KEY,
    send(id) {
      const message = { message_id: 1, date: seconds(), chat: { id: 5, type: 'private' }, from: { id: 5 }, text: 'go' }
      return {
        body: JSON.stringify({ update_id: Number(id), message }),
        headers: { 'X-Telegram-Bot-Api-Secret-Token': KEY },
      }
    },
  },
  teams: {
    key: TEAMS_KEY,
    send(id) {
      const message = {
        type: 'message',
        id,
        timestamp: new Date().toISOString(),
        conversation: { id: '19:x' },
        text: 'go',
      }
      const body = JSON.stringify({ ...message, from: { id: '29:y', name: 'Ann' } })
      return { body, headers: teamsHeaders(TEAMS_KEY, body) }
    },
  },
  discord: {
    key: DISCORD.publicKey,
    send(id) {
      const body = JSON.stringify({
        type: 2,
        id,
        token: 'x',
        channel_id: '1',
        data: { type: 1, name: 'go' },
        user: { id: '5' },
      })
      return { body, headers: DISCORD.headers(body, seconds()) }
    },
  },
}

/** The time that each platform waits, and whether it retries after a 503. Telegram does not state a time. */
const WAITS: readonly [string, number, boolean][] = [
  ['slack command', 3_000, false],
  ['slack event', 3_000, true],
  ['telegram', 6_000, true],
  ['teams', 5_000, false],
  ['discord', 3_000, false],
]

describe.concurrent.each(WAITS)('%s', (name, waits, retries) => {
  const { key, send } = MESSAGES[name] ?? { key: '', send: () => ({ body: '', headers: {} }) }
  const platform = name.split(' ')[0] ?? ''

  test('is answered in time, though it takes longer; the same message is the same job', async () => {
    const { slow, commits, call, jobs, fleet } = await place(platform, key)
    slow(waits)
    const first = send('1')
    const before = commits()
    const answer = await call('/chat/t', first.body, first.headers)
    // The commit takes just as long as the platform waits, however slow the machine is.
    expect(commits()).toBe(before)
    if (retries) expect(answer).toEqual({ status: 503, body: '' })
    else expect(answer).toEqual({ status: 200, body: expect.stringMatching(/not certain/) })
    expect(answer.body).not.toMatch(/Started/)
    await fleet.whenIdle()
    slow(0)
    expect(await jobs()).toBe(1)
    const again = send('1')
    const second = await call('/chat/t', again.body, again.headers)
    expect(second.status).toBe(200)
    if (name !== 'slack event') expect(second.body).toMatch(/Started: job/)
    expect(await jobs()).toBe(1)
  })

  test('is answered as ever where a filter passes a message over, though that cannot be counted', async () => {
    const { fail, call, jobs, fleet } = await place(platform, key, { message_pattern: 'stop' })
    fail(false)
    const { body, headers } = send('1')
    const answer = await call('/chat/t', body, headers)
    expect(answer).toEqual({ status: 200, body: retries ? '' : expect.stringMatching(/another form/) })
    await until('the fleet has recovered', () => fleet.phase === 'running' || undefined)
    expect(await jobs()).toBe(0)
  })

  test.each([true, false])('hears of no job when a commit fails that may have been made: %s', async (made) => {
    const { fail, call, jobs, fleet } = await place(platform, key)
    fail(made)
    const first = send('1')
    const answer = await call('/chat/t', first.body, first.headers)
    if (retries) expect(answer).toEqual({ status: 503, body: '' })
    else expect(answer).toEqual({ status: 200, body: expect.stringMatching(/not certain/) })
    await until('the fleet has recovered', () => fleet.phase === 'running' || undefined)
    expect(await jobs()).toBe(made ? 1 : 0)
    const again = send('1')
    await call('/chat/t', again.body, again.headers)
    expect(await jobs()).toBe(1)
  })
})
