import { deepStrictEqual as same, ok, rejects } from 'node:assert/strict'
import * as fc from 'fast-check'
import { StaleEpoch } from '../../adapters/store/contract.ts'
import { COLUMNS, TABLES } from '../../adapters/store/rows.ts'
import { Bug } from '../../core/base/assert.ts'
import { newEffects } from '../../core/turn.ts'
import { isLive, JOB_STATUSES, type JobRow } from '../../core/records/job.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { type Disk, everything, id, ids, listed, loaded, sameRows, sameStored, SOON } from './disk.ts'
import { NO_ROWS } from '../core/bench.ts'
import { FINDING } from './finding.ts'
import { OUTBOX } from './outbox.ts'
import { PARAMETERS } from './parameters.ts'
import { READING } from './reading.ts'
import { changing, distinct, job, row, type Sample, samples, turn } from './rows.ts'

/** One promise of a store. It throws when it is broken, and needs no test runner: it may run inside workerd. */
export interface Check {
  readonly name: string
  run(): Promise<void>
}

/** The contract of every store. `make` gives an empty disk. */
export function storeContract(name: string, make: () => Promise<Disk>): readonly Check[] {
  const checks = Object.entries({ ...KEEPING, ...FINDING, ...PARAMETERS, ...READING, ...OUTBOX })
  return checks.map(([rule, run]) => ({ name: `${name}: ${rule}`, run: async () => run(await make()) }))
}

/** The contract for committed rows. */
const KEEPING: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  async 'an empty disk is an empty fleet'(disk) {
    const store = await disk.open()
    same(await store.load(SOON), NO_ROWS)
    same((await store.queries.jobs({ limit: 10 })).items, [])
    await store.close()
  },

  async 'every column of every table comes back as it was, and again after reopening'(disk) {
    let store = await loaded(disk)
    let last = 0
    const next = () => ++last
    await fc.assert(
      fc.asyncProperty(samples(), async (drawn) => {
        const sample = distinct(drawn, next)
        await store.commit(turn(next(), sample))
        await sameRows(store, sample)
        await store.close()
        store = await disk.open()
        await sameStored(store, sample)
        await sameRows(store, sample)
      }),
      { numRuns: disk.samples ?? 25 },
    )
    await store.close()
  },

  async 'a turn is there with all its rows or with none'(disk) {
    const store = await loaded(disk)
    const whole = everything('a', 1)
    await store.commit(turn(1, whole))
    const before = await store.load(SOON)
    const shown = await listed(store)
    const spoilt: Sample[] = [
      { job_logs: [row('job_logs', { seq: 3 })] },
      { job_history: [row('job_history', { seq: 2, job_id: 'a' })] },
      { job_logs: [row('job_logs', { seq: 99 }), row('job_logs', { seq: 99 })] },
      { jobs: [job('c', { seq: 9 }), row('jobs', { id: 'd', status: 'queued', priority: 0.5 })] },
      { jobs: [row('jobs', { id: 'd', created_by: null })] },
      { robots: [row('robots', { id: 'd', created_at: 'yesterday' })] },
      { keys: [row('keys', { id: 'd', name: undefined })] },
      { workflows: [row('workflows', { id: 'd', created_at: Number.NaN })] },
    ]
    for (const [times, spoil] of spoilt.entries()) {
      await rejects(async () => store.commit(turn(2, { ...everything('b', 4), ...spoil })))
      same(await store.load(SOON), { ...before, epoch: before.epoch + 1 + times })
      same([await listed(store), await store.queries.history(id('b'))], [shown, []])
    }
    await sameRows(store, whole)
    const later = everything('b', 4)
    await store.commit(turn(3, later))
    await sameRows(store, later)
    await store.close()
  },

  async 'the last row wins, and what never changes stays'(disk) {
    const store = await loaded(disk)
    const first = everything('a', 1)
    await store.commit(turn(1, first))
    const changed = {
      jobs: [job('a', { seq: 1, status: 'failed', created_at: 7, workflow_id: 'other', robot_id: 'a' })],
      robots: [row('robots', { id: 'a', tags: ['x'] })],
      workflows: [row('workflows', { id: 'a', name: 'renamed' })],
      triggers: [row('triggers', { id: 'a', enabled: true })],
      keys: [row('keys', { id: 'a', revoked_at: 5 })],
    } as const
    const fixed = {
      definitions: [row('definitions', { hash: 'a', json: 'another' })],
      workflow_versions: [row('workflow_versions', { workflow_id: 'a', version: 1, definition: 'another' })],
    } as const
    await store.commit(turn(2, { ...changed, ...fixed }))
    await sameRows(store, { ...first, ...changed })
    await sameStored(store, { ...first, ...changed })
    await store.close()
  },

  async 'a job changes in the columns that may change, and one that is not there does not'(disk) {
    const store = await loaded(disk)
    const jobs = ['a', 'b', 'c'].map((name) => job(name, { parameters: `{"of":"${name}"}`, priority: 3 }))
    await store.commit(turn(1, { jobs }))
    const running = { status: 'running', attempt: 1, offer: 1, robot_id: 'r', started_at: 5, priority: 3 }
    const changed = jobs.map((one, i) =>
      job(one.id, { ...one, ...running, current_node: (i === 1 ? 'x' : '').padStart(i === 1 ? 600_000 : 0, 'x') })
    )
    await store.commit(changing(2, changed))
    await sameRows(store, { jobs: changed })
    await sameStored(store, { jobs: changed })
    const found = { ...changed[0]!, progress: 9 }
    await rejects(async () => store.commit(changing(3, [found, job('d')])))
    await store.load(SOON)
    await sameRows(store, { jobs: changed })
    await store.close()
  },

  async 'of a job that was in memory what has changed is written, and the rest stays'(disk) {
    const store = await loaded(disk)
    const whole = { robot_id: 'r', robot_name: 'n', progress: 3, result: '1', completed_at: 9, current_node: 'c' }
    let was = { ...job('01a22974-32a8-71d1-a008-29136b90ae41', { status: 'running', seq: 1 }), ...whole } as JobRow
    const other = job('other', { seq: 2 })
    await store.commit(turn(1, { jobs: [was, other] }))
    const names = COLUMNS.jobs.filter(({ name }) => !(TABLES.jobs.fixed as readonly string[]).includes(name))
    for (const [i, { name, kind }] of names.entries()) {
      const value = kind === 'flag' ? true : kind === 'int' ? 50 + i : `${name} 2`
      const changed = { ...was, [name]: value }
      await store.commit({ ...changing(2 + i, [changed]), before: new Map([[was.id, was]]) })
      same(await store.queries.job(was.id), changed)
      was = changed
    }
    // One of which it is not known how it was is written whole.
    const both = [{ ...was, attempt: 7 }, { ...other, progress: 9, error_message: 'why', queued_at: 8 }]
    await store.commit({ ...changing(90, both), before: new Map([[was.id, was]]) })
    for (const one of both) same(await store.queries.job(one.id), one)
    await store.close()
  },

  async 'jobs are loaded while they are live, in their order, with the definitions in use'(disk) {
    const store = await loaded(disk)
    const jobs = [...JOB_STATUSES, ...JOB_STATUSES].map((status, i) =>
      job(`job-${i}`, { status, seq: 100 - i, definition: `of-${status}-job` })
    )
    const unused = [...JOB_STATUSES.filter((status) => !isLive(status)).map((status) => `of-${status}-job`), 'old']
    const used = [...JOB_STATUSES.filter(isLive).map((status) => `of-${status}-job`), 'newest', 'published', 'draft']
    await store.commit(turn(1, {
      jobs,
      workflows: [
        row('workflows', { id: 'a', definition: 'newest', published_definition: 'published' }),
        row('workflows', { id: 'b', definition: 'draft', status: 'archived' }),
      ],
      definitions: [...used, ...unused].map((hash) => row('definitions', { hash, json: hash })),
    }))
    const stored = await store.load(SOON)
    same(stored.jobs, jobs.filter((one) => isLive(one.status)).sort((a, b) => a.seq - b.seq))
    same(stored.definitions.map((one) => one.json), used.sort())

    const ended = stored.jobs.map((one) =>
      job(one.id, { seq: one.seq, status: 'cancelled', definition: one.definition })
    )
    await store.commit(turn(2, { jobs: ended }))
    const after = await store.load(SOON)
    same([after.jobs, after.definitions.map((one) => one.json)], [[], ['draft', 'newest', 'published']])
    await store.close()
  },

  async 'the largest number is remembered, whoever had it'(disk) {
    const store = await loaded(disk)
    await store.commit(turn(1, { jobs: [job('a', { seq: 7, status: 'cancelled' })] }))
    same((await store.load(SOON)).seq, 7)
    await store.commit(turn(2, { job_history: [row('job_history', { seq: 8, job_id: 'a' })] }))
    same((await store.load(SOON)).seq, 8)
    await store.commit(turn(3, { job_logs: [row('job_logs', { seq: 2 ** 40 })] }))
    await store.commit(turn(4, { jobs: [job('a', { seq: 7, status: 'cancelled' })] }))
    same((await store.load(SOON)).seq, 2 ** 40)
    await store.close()
  },

  async 'find tells absent from present, live and ended alike'(disk) {
    const store = await loaded(disk)
    const jobs = [job('live'), job('ended', { seq: 1, status: 'completed' })]
    await store.commit(turn(1, { jobs }))
    const found = await store.prefetch(prefetchOf({ jobs: ids('ended', 'nobody', 'live', 'live', `'"\\`) }))
    same(new Map([...found.jobs].sort()), new Map(jobs.map((one) => [one.id, one] as const).sort()))
    same((await store.prefetch(prefetchOf({}))).jobs.size, 0)
    await store.close()
  },

  async 'a store that another has loaded after cannot commit'(disk) {
    const old = await loaded(disk)
    await old.commit(turn(1, { jobs: [job('a')] }))
    const young = await loaded(disk)
    await rejects(async () => old.commit(turn(2, everything('b', 2))), StaleEpoch)
    same((await young.load(SOON)).jobs.map((one) => one.id), ['a'])
    await young.commit(turn(1, { jobs: [job('a', { environment: 'young' })] }))
    await rejects(async () => old.commit(turn(3, { jobs: [job('a', { environment: 'old' })] })), StaleEpoch)
    same((await young.queries.job(id('a')))?.environment, 'young')

    await old.load(SOON)
    await old.commit(turn(4, { jobs: [job('c', { seq: 1 })] }))
    await rejects(async () => young.commit(turn(2, { jobs: [job('d', { seq: 2 })] })), StaleEpoch)
    await old.close()
    await young.close()
  },

  async 'a store that has not loaded cannot commit'(disk) {
    const store = await disk.open()
    await rejects(async () => store.commit(turn(1, { jobs: [job('a')] })), Bug)
    await store.close()
  },

  async 'a receipt is of its turn, and an empty turn gets one too'(disk) {
    const store = await loaded(disk)
    const turns = [newEffects(41, 0), turn(42, { jobs: [job('a')] }), newEffects(43, 0)]
    for (const out of turns) {
      out.sends.push({ to: 'reply', reply: 'r' as never, answer: { type: 'job', job: job('a') } })
      const receipt = await store.commit(out)
      same([receipt.turn, out.sends.open(receipt).length], [out.turn, 1])
    }
    await store.close()
  },

  async 'what is on the disk does not change with what was handed over'(disk) {
    const store = await loaded(disk)
    const handed = row('robots', { id: 'a', tags: ['x'], capabilities: { deep: { list: [1] } } })
    const copy = structuredClone(handed)
    await store.commit(turn(1, { robots: [handed] }))
    const meddle = handed as unknown as { name: string; tags: string[]; capabilities: { deep: { list: number[] } } }
    const attempts = [
      () => (meddle.name = 'b'),
      () => meddle.tags.push('y'),
      () => meddle.capabilities.deep.list.push(2),
    ]
    for (const attempt of attempts) {
      try {
        attempt()
      } catch {
        // A store may freeze what it is handed.
      }
    }
    same(await store.queries.robot(handed.id), copy)
    await store.close()
  },

  async 'ten thousand jobs fit one turn, and rows of a megabyte'(disk) {
    const store = await loaded(disk)
    const jobs = Array.from({ length: 10_000 }, (_, i) => job(`job-${i}`, { seq: i + 1, parameters: '{"n":1}' }))
    await store.commit(turn(1, { jobs }))
    same((await store.load(SOON)).jobs, jobs)
    const large = ['a', 'b', 'c'].map((hash) => row('definitions', { hash, json: hash.repeat(1_000_000) }))
    await store.commit(turn(2, { definitions: large }))
    for (const { hash, json } of large) ok(await store.queries.definition(hash) === json)
    // As much as a row may hold, in characters that are longest as JSON within JSON: a value for each column.
    const whole = job('whole', { seq: 10_001, parameters: '"'.repeat(1_000_000), result: '€'.repeat(250_000) })
    await store.commit(turn(3, { jobs: [job('beside', { seq: 10_002 }), { ...whole, progress: 1 }] }))
    await store.commit(turn(4, { jobs: [whole] }))
    same(await store.queries.job(whole.id), whole)
    await store.close()
  },
}
