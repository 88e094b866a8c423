import { deepStrictEqual as same, ok } from 'node:assert/strict'
import { openFleet, type Platform } from '../../adapters/fleet/fleet.ts'
import { memoryStore } from '../../adapters/store/memory.ts'
import type { JobId, JsonText, WorkflowId } from '../../core/base/ids.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { DEFINITION } from '../core/bench.ts'
import type { Check } from './store.ts'
import { DEFAULT_JOB_SPEC } from '../../core/jobs/create.ts'

/**
 * The contract of a platform that the turn loop relies on. It needs no test runner: it runs on Node, on Deno, and
 * inside workerd.
 */

/** The tolerated lateness of a timer on a busy machine. */
const LATE_MS = 50_000

/** Every promise of a runtime. `make` gives a platform of its own to each. */
export function shellContract(name: string, make: () => Platform): readonly Check[] {
  return Object.entries(PROMISES).map(([rule, run]) => ({ name: `${name}: ${rule}`, run: () => run(make()) }))
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

const PROMISES: Readonly<Record<string, (platform: Platform) => Promise<void>>> = {
  async 'the clock tells milliseconds since 1970'(platform) {
    const now = platform.now()
    ok(Number.isInteger(now) && Math.abs(now - Date.now()) < LATE_MS)
  },

  async 'ids are UUIDs, never the same, and those of rows sort by when they were made'(platform) {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    const [ids, rows] = [platform.uuid, platform.rowId].map((make) => Array.from({ length: 1_000 }, () => make()))
    ok([...ids ?? [], ...rows ?? []].every((id) => uuid.test(id)))
    same(new Set([...ids ?? [], ...rows ?? []]).size, 2_000)
    same(rows?.toSorted(), rows)
  },

  async 'a seed is a whole number, and another each time'(platform) {
    const seeds = Array.from({ length: 50 }, () => platform.seed())
    ok(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31))
    ok(new Set(seeds).size > 40)
  },

  async 'what is to run soon runs later, once, and in its order'(platform) {
    const ran: number[] = []
    await new Promise<void>((resolve) => {
      for (const n of [1, 2, 3]) platform.defer(() => void ran.push(n))
      platform.defer(resolve)
      same(ran, [])
    })
    same(ran, [1, 2, 3])
  },

  async 'the alarm rings once its time has come, and only the one that was asked for last'(platform) {
    const rings: string[] = []
    const begin = platform.now()
    platform.setAlarm(begin + 60_000, () => void rings.push('far'))
    await new Promise<void>((resolve) => {
      platform.setAlarm(begin + 200, () => {
        rings.push('near')
        resolve()
      })
    })
    ok(platform.now() >= begin + 200 && platform.now() < begin + 200 + LATE_MS)
    same(rings, ['near'])
    // An instant in the past is due at once.
    await new Promise<void>((resolve) => platform.setAlarm(begin - 1, resolve))
  },

  async 'an alarm that is called off does not ring for whoever had asked for it'(platform) {
    let rang = false
    platform.setAlarm(platform.now() + 100, () => void (rang = true))
    platform.setAlarm(null, () => {})
    await pause(400)
    ok(!rang)
  },

  async 'a fleet on it answers, and what is due in it happens by itself'(platform) {
    const gone: Error[] = []
    const fleet = await openFleet(memoryStore(), platform, DEFAULTS, (error) => void gone.push(error))
    const job = platform.rowId() as JobId
    const queued = new Promise<void>((resolve) => {
      fleet.watchers.watch((jobs) => {
        for (const { id, status } of jobs ?? []) if (id === job && status === 'queued') resolve()
      })
    })
    const answer = await fleet.request((reply) => ({
      ...DEFAULT_JOB_SPEC,
      type: 'job.submitted',
      reply,
      job,
      by: 'tester',
      key: null,
      workflow: { id: 'w' as WorkflowId, name: 'W', definition: DEFINITION },
      parameters: '{}' as JsonText,
      priority: 1,
      scheduled_time: platform.now() + 300,
      check_duplicate: false,
      idempotency: null,
    }))
    same(answer.type === 'job' && answer.job.status, 'pending')
    await queued
    await fleet.stop()
    same([fleet.phase, gone], ['stopped', []])
  },
}
