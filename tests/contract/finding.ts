import type { Effects } from '../../core/turn.ts'
import { deepStrictEqual as same, ok, rejects } from 'node:assert/strict'
import { countFamilies } from '../../core/jobs/family.ts'
import type { JobRow } from '../../core/records/job.ts'
import { ids } from '../core/bench.ts'
import { type Disk, loaded, SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'
import type { EarlyRun } from '../../core/records/schedule.ts'
import { type Prefetch, prefetchOf } from '../../core/prefetch.ts'

/** The contract of a store for rows outside memory that a turn asks for. */
export const FINDING: Readonly<Record<string, (disk: Disk) => Promise<void>>> = {
  async 'jobs whose time is far off stay on disk, and are found when it draws near'(disk) {
    const store = await loaded(disk)
    const jobs = [5, 10, 11, 20, 21].map((ready_at, i) =>
      job(`at-${ready_at}`, { status: 'pending', ready_at, seq: i })
    )
    const blocked = job('blocked', { status: 'pending', seq: 9 })
    const definitions = [row('definitions', { hash: '', json: '{}' })]
    await store.commit(turn(1, { jobs: [...jobs, blocked], definitions }))
    same((await store.load(10)).jobs.map((one) => one.id), ['at-5', 'at-10', 'blocked'])
    const found = await store.prefetch(prefetchOf({ due: { after: 10, until: 20 } }))
    same(found.due.map((one) => one.id).toSorted(), ['at-11', 'at-20'])
    same(found.definitions.map((one) => one.json)[0], '{}')
    await store.close()
  },

  async 'of jobs that were made a moment ago, what limits go by is loaded, the oldest first'(disk) {
    const store = await loaded(disk)
    const made = [[30, 'c'], [10, 'a'], [20, 'b'], [20, 'a2']] as const
    const jobs = made.map(([created_at, name], seq) =>
      job(name, {
        created_at,
        created_by: `by ${name}`,
        trigger_id: name === 'c' ? 't' : null,
        parameters: '{"large":true}',
        status: 'completed',
        seq,
      })
    )
    await store.commit(turn(1, { jobs }))
    same((await store.load(SOON)).recent, [])
    same((await store.load(SOON, 30)).recent, [])
    same((await store.load(SOON, 10)).recent, [
      { created_at: 20, created_by: 'by b', trigger_id: null },
      { created_at: 20, created_by: 'by a2', trigger_id: null },
      { created_at: 30, created_by: 'by c', trigger_id: 't' },
    ])
    await store.close()
  },

  async 'of jobs that follow from others, those are loaded whose family goes on'(disk) {
    const store = await loaded(disk)
    const ended = { status: 'completed', completed_at: 1 }
    const jobs = [
      // Its root has ended, and one of its jobs waits.
      job('root-1', { ...ended }),
      job('child-1', { ...ended, root_job_id: 'root-1', parent_job_id: 'root-1' }),
      job('grandchild-1', { root_job_id: 'root-1', parent_job_id: 'child-1' }),
      // Its root runs, and has called one that has ended.
      job('root-2', { status: 'running', started_at: 1, offer: 1, attempt: 1 }),
      job('child-2', { ...ended, root_job_id: 'root-2', parent_job_id: 'root-2' }),
      // All have ended.
      job('root-3', { ...ended }),
      job('child-3', { ...ended, root_job_id: 'root-3', parent_job_id: 'root-3' }),
    ].map((one, seq) => ({ ...one, seq }))
    await store.commit(turn(1, { jobs }))
    const { members } = await store.load(SOON)
    same([...countFamilies(members)].toSorted(), [
      ['root-1', { made: 2, live: 1 }],
      ['root-2', { made: 1, live: 1 }],
    ])
    ok(members.every(({ id }) => !id.endsWith('3')))
    await store.close()
  },

  async 'a job that has ended is loaded until its robot has stopped'(disk) {
    const store = await loaded(disk)
    const stopping = job('a', { status: 'cancelled', stop_until: 5, robot_id: 'r', offer: 1 })
    await store.commit(turn(1, { jobs: [stopping] }))
    same((await store.load(SOON)).jobs, [stopping])
    await store.commit(turn(2, { jobs: [{ ...stopping, stop_until: null }] }))
    same((await store.load(SOON)).jobs, [])
    await store.close()
  },

  async 'a duplicate is found while it has not ended, or was submitted lately'(disk) {
    const store = await loaded(disk)
    const jobs = [
      job('live', { duplicate_key: 'a', created_at: 1 }),
      job('lately', { duplicate_key: 'b', created_at: 11, status: 'completed', seq: 1 }),
      job('long-ago', { duplicate_key: 'c', created_at: 10, status: 'completed', seq: 2 }),
      job('nothing', { created_at: 20, seq: 3 }),
    ]
    await store.commit(turn(1, { jobs }))
    const found = await store.prefetch(prefetchOf({ duplicates: ['a', 'b', 'c', 'd'], duplicatesSince: 10 }))
    same([...found.duplicates].map(([key, one]) => [key, one.id]).toSorted(), [['a', 'live'], ['b', 'lately']])
    await store.close()
  },

  async 'an earlier answer is found with its job, until it is forgotten'(disk) {
    const store = await loaded(disk)
    const answers = [1, 2].map((created_at) =>
      row('idempotency', { key: `k${created_at}`, fingerprint: 'f', job_id: 'a', created_at })
    )
    const a = job('a', { status: 'completed' })
    await store.commit(turn(1, { jobs: [a], idempotency: answers }))
    const need = prefetchOf({ idempotency: ['k1', 'k2', 'k3'] })
    const found = await store.prefetch(need)
    same([...found.idempotency.values()].toSorted((x, y) => x.created_at - y.created_at), answers)
    same([...found.jobs.values()], [a])
    await store.commit({ ...turn(2, {}), forgetBefore: 2 })
    same([...(await store.prefetch(need)).idempotency.keys()], ['k2'])
    await store.close()
  },

  async 'of what there was between a job and a robot the first offer and the first late result are found'(disk) {
    const store = await loaded(disk)
    const made = [
      ['a', 'r1', 'offer'],
      ['a', 'r1', 'accept'],
      ['a', 'r1', 'offer'],
      ['a', 'r2', 'offer'],
      ['a', 'r2', 'late_result'],
      ['b', 'r1', 'late_result'],
      ['b', null, 'submit'],
    ] as const
    const history = made.map(([job_id, robot_id, event], i) =>
      row('job_history', { seq: i + 1, job_id, robot_id, event })
    )
    await store.commit(turn(1, { jobs: [job('a'), job('b')], job_history: history }))
    const [a, b] = [ids.job('a'), ids.job('b')]
    const [r1, r2, r3] = [ids.robot('r1'), ids.robot('r2'), ids.robot('r3')]
    const of = async (...interactions: Prefetch['interactions']) =>
      (await store.prefetch(prefetchOf({ interactions }))).interactions.map((one) => Object.values(one).join(' '))
        .toSorted()
    same(await of({ job: a, robot: r1 }), ['a r1 offer'])
    same(await of({ job: a, robot: r2 }, { job: b, robot: r1 }), ['a r2 late_result', 'a r2 offer', 'b r1 late_result'])
    same(await of({ job: a, robot: r3 }, { job: b, robot: r2 }), [])
    await store.close()
  },

  async 'no instant of a schedule makes two jobs'(disk) {
    const store = await loaded(disk)
    const due = { schedule_id: 's', due_at: 5 }
    const made = job('a', { ...due })
    // After a commit that has failed, a store may take no other before the next load.
    const refused = async (out: Effects): Promise<void> => {
      await rejects(async () => store.commit(out))
      await store.load(SOON)
    }
    await store.commit(
      turn(1, { jobs: [made], schedule_runs: [row('schedule_runs', { seq: 1, ...due, job_id: 'a' })] }),
    )
    await refused(turn(2, { jobs: [job('b', due)] }))
    const again = row('schedule_runs', { seq: 2, ...due, job_id: 'a' })
    await refused(turn(3, { schedule_runs: [again] }))
    // An instant that made no job while the clock was ahead is recorded again.
    const skipped = [3, 4].map((seq) => row('schedule_runs', { seq, ...due, due_at: 7, job_id: null }))
    await store.commit(turn(3, { schedule_runs: skipped }))
    const [c, d] = [job('c', { ...due, due_at: 6 }), job('d', { ...due, due_at: 6 })]
    await refused(turn(4, { jobs: [c, d] }))
    await store.commit(turn(5, { jobs: [{ ...made, progress: 7 }] }))
    same((await store.load(SOON)).jobs.map(({ id, progress }) => [id, progress]), [['a', 7]])
    await store.close()
  },

  async 'what is due still and has its job is found: by a start, and when it is asked for'(disk) {
    const store = await loaded(disk)
    const schedules = ['a', 'b'].map((id) => row('schedules', { id }))
    const runs = [[1, 'a', 50, 'j1'], [2, 'a', 150, 'j2'], [3, 'b', 250, 'j3'], [4, 'b', 350, null], [
      5,
      'gone',
      450,
      'j5',
    ]]
    const schedule_runs = runs.map(([seq, schedule_id, due_at, job_id]) =>
      row('schedule_runs', { seq, schedule_id, due_at, job_id })
    )
    await store.commit({ ...turn(1, { schedules, schedule_runs }), at: 100 })
    const dues = (ahead: readonly EarlyRun[]) =>
      ahead.map(({ schedule_id, due_at }) => [schedule_id, due_at]).toSorted()
    same(dues((await store.prefetch(prefetchOf({ earlyRuns: 200 }))).earlyRuns), [['b', 250]])
    same((await store.prefetch(prefetchOf({ jobs: [ids.job('x')] }))).earlyRuns, [])
    same(dues((await store.load(SOON)).earlyRuns), [['a', 150], ['b', 250]])
    await store.close()
  },

  async 'a clock that was set moves what counts elapsed time on the disk, and may go back'(disk) {
    const store = await loaded(disk)
    const times = { created_at: 100, queued_at: 101, started_at: 102, completed_at: 103 }
    const ended = { ...times, status: 'completed', progress: 100, result: '{}', stop_until: null, ready_at: null }
    const jobs = [
      job('old', { ...ended, created_at: 50 }),
      job('new', ended),
      job('live', { created_at: 100, queued_at: 101 }),
      job('later', { status: 'pending', created_at: 20, scheduled_time: 500, ready_at: 500 }),
    ]
    const idempotency = [row('idempotency', { key: 'k', job_id: 'new', created_at: 100 })]
    const deliveries = [row('deliveries', { id: 'd', next_at: 300 }), row('deliveries', { id: 'e', next_at: null })]
    await store.commit({ ...turn(1, { jobs, idempotency, deliveries }), at: 200 })
    // Jobs in memory come with the turn, as the core has moved them.
    const live = { ...jobs[2], created_at: 10, queued_at: 11 } as JobRow
    await store.commit({ ...turn(2, { jobs: [live] }), at: 110, clockChange: { by: -90, since: 60 } })
    const found = await store.prefetch(
      prefetchOf({ jobs: jobs.map(({ id }) => id), idempotency: ['k'], deliveries: ['d', 'e'] as never }),
    )
    same(found.jobs.get(ids.job('new')), {
      ...jobs[1],
      created_at: 10,
      queued_at: 11,
      started_at: 12,
      completed_at: 13,
    })
    same([found.jobs.get(ids.job('old')), found.jobs.get(ids.job('live'))], [jobs[0], live])
    same(found.jobs.get(ids.job('later')), { ...jobs[3], created_at: -70 })
    same(found.idempotency.get('k')?.created_at, 10)
    same([...found.deliveries.values()].map(({ next_at }) => next_at), [210, null])
    same((await store.load(SOON)).clock, 110)
    await store.close()
  },

  async 'a schedule that is dropped is gone, and what became of it stays'(disk) {
    const store = await loaded(disk)
    const schedules = ['a', 'b'].map((id) => row('schedules', { id }))
    const schedule_runs = [row('schedule_runs', { seq: 1, schedule_id: 'a', due_at: 1 })]
    await store.commit(turn(1, { schedules, schedule_runs }))
    const out = turn(2, {})
    out.deletions.schedules.add('a' as never)
    await store.commit(out)
    same((await store.load(SOON)).schedules, schedules.slice(1))
    same(await store.queries.schedule('a' as never), undefined)
    same(await store.queries.scheduleRuns('a' as never, { limit: 9 }), schedule_runs)
    await store.close()
  },
}
