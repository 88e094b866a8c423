import { deepStrictEqual as same } from 'node:assert/strict'
import { type Cursor, type JobQuery, LOG_COUNT_MAX, type RowPage } from '../../adapters/store/contract.ts'
import { newestFirst } from '../../adapters/store/queries.ts'
import { JOB_STATUSES, type JobRow } from '../../core/records/job.ts'
import { type Disk, id, loaded } from './disk.ts'
import { job, row, type Sample, turn } from './rows.ts'

/** The contract of `Queries`. */
export const READING: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  async 'pages of every filter are complete and in order while rows are added'(disk) {
    const store = await loaded(disk)
    let seq = 0
    const one = (at: number): JobRow =>
      job(`job-${String(++seq * 7919 % 10_000).padStart(4, '0')}`, {
        seq,
        status: JOB_STATUSES[seq % JOB_STATUSES.length],
        created_at: at,
        workflow_id: `workflow-${seq % 3}`,
        robot_id: seq % 4 === 0 ? null : `robot-${seq % 2}`,
        trigger_id: seq % 5 < 2 ? 'trigger' : null,
        schedule_id: seq % 3 < 2 ? 'schedule' : null,
        parent_job_id: seq % 7 < 3 ? 'parent' : null,
      })
    const jobs = Array.from({ length: 60 }, (_, i) => one(1_000 + (i >> 2)))
    await store.commit(turn(1, { jobs }))
    let number = 1
    for (const query of filters()) {
      const expected = jobs.filter((candidate) => matches(candidate, query)).sort((a, b) => b.seq - a.seq)
      // A few pages each, of which the last is full or not: on a server each is a round trip.
      const limit = Math.max(2, Math.ceil(expected.length / 3) - (number % 2))
      const seen = await walk(async (after) => {
        const page = await store.queries.jobs({ ...query, limit, after })
        if (after === undefined) {
          const added = one(2_000 + seq)
          jobs.push(added)
          await store.commit(turn(++number, { jobs: [added] }))
        }
        return page
      })
      same(seen, expected)
    }
    await store.close()
  },

  async 'pages of the small lists are complete and in order'(disk) {
    const store = await loaded(disk)
    const made = Array.from({ length: 11 }, (_, i) => ({ id: `id-${i % 2}${i}`, created_at: 1_000 + (i >> 1) }))
    const sample = {
      robots: made.map((over) => row('robots', over)),
      workflows: made.map((over) => row('workflows', over)),
      triggers: made.map((over) => row('triggers', over)),
      schedules: made.map((over) => row('schedules', over)),
      keys: made.map((over) => row('keys', over)),
    }
    await store.commit(turn(1, sample))
    const { queries } = store
    for (const limit of [1, 3, 10, 11, 12]) {
      same(await walk((after) => queries.robots({ limit, after })), sample.robots.toSorted(newestFirst))
      same(await walk((after) => queries.workflows({ limit, after })), sample.workflows.toSorted(newestFirst))
      same(await walk((after) => queries.triggers({ limit, after })), sample.triggers.toSorted(newestFirst))
      same(await walk((after) => queries.schedules({ limit, after })), sample.schedules.toSorted(newestFirst))
      same(await walk((after) => queries.keys({ limit, after })), sample.keys.toSorted(newestFirst))
    }
    await store.close()
  },

  async 'history, log lines and versions come in order, and a log from where it was left'(disk) {
    const store = await loaded(disk)
    const sample = (from: number): Sample => ({
      job_history: [2, 0, 1].map((i) => row('job_history', { seq: from + i, job_id: i === 1 ? 'b' : 'a' })),
      job_logs: [5, 3, 4].map((i) => row('job_logs', { seq: from + i, job_id: 'a', message: `line ${from + i}` })),
      workflow_versions: [from + 1, from].map((version) => row('workflow_versions', { workflow_id: 'w', version })),
    })
    await store.commit(turn(1, { ...sample(1), jobs: [job('a'), job('b')] }))
    await store.commit(turn(2, sample(101)))
    const { queries } = store
    same((await queries.history(id('a'))).map((entry) => entry.seq), [1, 3, 101, 103])
    same((await queries.versions('w' as never)).map((version) => version.version), [102, 101, 2, 1])
    const lines = async (after: number, limit: number) =>
      (await queries.logs(id('a'), { after, limit })).map((line) => line.seq)
    same(await lines(0, 4), [4, 5, 6, 104])
    same(await lines(5, 10), [6, 104, 105, 106])
    const tail = async (count: number) => (await queries.logTail(id('a'), count)).map((line) => line.seq)
    same([await queries.logCount(id('a')), await queries.logCount(id('b'))], [6, 0])
    same([await tail(4), await tail(100), await tail(1)], [[6, 104, 105, 106], [4, 5, 6, 104, 105, 106], [106]])
    same([await lines(106, 10), await queries.logs(id('b'), { after: 0, limit: 10 })], [[], []])
    await store.close()
  },

  async 'the lines of a log are counted up to a number'(disk) {
    const store = await loaded(disk)
    const job_logs = Array.from({ length: LOG_COUNT_MAX + 5 }, (_, i) => row('job_logs', { seq: i + 1, job_id: 'a' }))
    await store.commit(turn(1, { job_logs }))
    same(await store.queries.logCount(id('a')), LOG_COUNT_MAX)
    await store.close()
  },

  async 'what became of a schedule is told from the last decided on, in pages'(disk) {
    const store = await loaded(disk)
    const schedule_runs = [4, 2, 3, 1].map((seq) =>
      row('schedule_runs', { seq, schedule_id: seq === 3 ? 'b' : 'a', due_at: seq, until: seq })
    )
    const byHand = [5, 6].map((seq) => row('schedule_runs', { seq, schedule_id: 'a' }))
    await store.commit(turn(1, { schedule_runs: [...schedule_runs, ...byHand] }))
    const rows = async (query: { before?: number; limit: number }) =>
      (await store.queries.scheduleRuns('a' as never, query)).map(({ seq }) => seq)
    same([await rows({ limit: 3 }), await rows({ before: 4, limit: 3 })], [[6, 5, 4], [2, 1]])
    await store.close()
  },

  async 'what reached a trigger is told from the last on, in pages, and goes with it'(disk) {
    const store = await loaded(disk)
    const trigger_events = [4, 2, 3, 1].map((seq) =>
      row('trigger_events', { seq, trigger_id: seq === 3 ? 'b' : 'a', payload: '{}' })
    )
    await store.commit(turn(1, { triggers: [row('triggers', { id: 'a' })], trigger_events }))
    const rows = async (query: { before?: number; limit: number }) =>
      (await store.queries.triggerEvents('a' as never, query)).map(({ seq }) => seq)
    same([await rows({ limit: 2 }), await rows({ before: 2, limit: 2 })], [[4, 2], [1]])
    const out = turn(2, {})
    out.deletions.triggers.add('a' as never)
    await store.commit(out)
    same([await rows({ limit: 9 }), await store.queries.trigger('a' as never)], [[], undefined])
    same(await store.queries.triggerEvents('b' as never, { limit: 9 }), [trigger_events[2]])
    await store.close()
  },

  async 'what does not exist is undefined, or an empty list'(disk) {
    const { queries, close } = await loaded(disk)
    const nobody = 'nobody' as never
    same(
      [
        await queries.job(nobody),
        await queries.workflow(nobody),
        await queries.definition(nobody),
        await queries.robot(nobody),
        await queries.trigger(nobody),
        await queries.schedule(nobody),
      ],
      Array.from({ length: 6 }, () => undefined),
    )
    same([await queries.history(nobody), await queries.versions(nobody)], [[], []])
    same(await queries.scheduleRuns(nobody, { limit: 1 }), [])
    same(await queries.jobs({ limit: 1, status: [] }), { items: [], next: null, searched: null })
    await close()
  },
}

/** Every combination of filters that a list of jobs knows. */
export function filters(): Omit<JobQuery, 'limit'>[] {
  const statuses = [undefined, ['completed'], ['running'], ['queued', 'running', 'failed', 'queued'], JOB_STATUSES]
  return statuses.flatMap((status) =>
    [undefined, 'workflow-1'].flatMap((workflow_id) =>
      [undefined, 'robot-1'].flatMap((robot_id) =>
        // Casts: ids made up here.
        [
          {},
          { trigger_id: 'trigger' },
          ...(workflow_id === undefined && robot_id === undefined ? [{ schedule_id: 'schedule' }] : []),
          ...(status === undefined && workflow_id === undefined && robot_id === undefined
            ? [{ parent_job_id: 'parent' }]
            : []),
        ].map((more) => ({ status, workflow_id, robot_id, ...more }) as unknown as JobQuery)
      )
    )
  )
}

function matches(one: JobRow, query: Omit<JobQuery, 'limit'>): boolean {
  const { status, workflow_id, robot_id, trigger_id, schedule_id, parent_job_id } = query
  return (status === undefined || status.includes(one.status)) &&
    (workflow_id === undefined || one.workflow_id === workflow_id) &&
    (robot_id === undefined || one.robot_id === robot_id) &&
    (trigger_id === undefined || one.trigger_id === trigger_id) &&
    (schedule_id === undefined || one.schedule_id === schedule_id) &&
    (parent_job_id === undefined || one.parent_job_id === parent_job_id)
}

/** All items of a list, page by page. */
async function walk<T>(read: (after: Cursor | undefined) => Promise<RowPage<T>>): Promise<T[]> {
  const items: T[] = []
  let after: Cursor | undefined
  do {
    const page = await read(after)
    items.push(...page.items)
    after = page.next ?? undefined
  } while (after !== undefined)
  return items
}
