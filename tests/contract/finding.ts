import { deepStrictEqual as same, rejects } from 'node:assert/strict'
import { asking, type Disk, loaded, SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'

/** What a store promises about rows outside memory that a turn asks for. */
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
    const found = await store.find(asking({ due: { after: 10, until: 20 } }))
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
        retry_of: name === 'b' ? 'a' : null,
        parameters: '{"large":true}',
        status: 'completed',
        seq,
      })
    )
    await store.commit(turn(1, { jobs }))
    same((await store.load(SOON)).recent, [])
    same((await store.load(SOON, 30)).recent, [])
    same((await store.load(SOON, 10)).recent, [
      { created_at: 20, created_by: 'by a2', trigger_id: null, schedule_id: null, retry_of: null },
      { created_at: 20, created_by: 'by b', trigger_id: null, schedule_id: null, retry_of: 'a' },
      { created_at: 30, created_by: 'by c', trigger_id: 't', schedule_id: null, retry_of: null },
    ])
    await store.close()
  },

  async 'a job that has ended is loaded until its robot has stopped'(disk) {
    const store = await loaded(disk)
    const stopping = job('a', { status: 'cancelled', stop_until: 5, robot_id: 'r', attempt: 1 })
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
    const found = await store.find(asking({ duplicates: ['a', 'b', 'c', 'd'], duplicatesSince: 10 }))
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
    const need = asking({ idempotency: ['k1', 'k2', 'k3'] })
    const found = await store.find(need)
    same([...found.idempotency.values()].toSorted((x, y) => x.created_at - y.created_at), answers)
    same([...found.jobs.values()], [a])
    await store.commit({ ...turn(2, {}), forgetBefore: 2 })
    same([...(await store.find(need)).idempotency.keys()], ['k2'])
    await store.close()
  },

  async 'no instant of a schedule is decided twice, and none makes two jobs'(disk) {
    const store = await loaded(disk)
    const due = { schedule_id: 's', due_at: 5 }
    const made = job('a', { ...due })
    await store.commit(turn(1, { jobs: [made], occurrences: [row('occurrences', { seq: 1, ...due })] }))
    await rejects(async () => store.commit(turn(2, { jobs: [job('b', due)] })))
    await rejects(async () => store.commit(turn(3, { occurrences: [row('occurrences', { seq: 2, ...due })] })))
    const [c, d] = [job('c', { ...due, due_at: 6 }), job('d', { ...due, due_at: 6 })]
    await rejects(async () => store.commit(turn(4, { jobs: [c, d] })))
    await store.commit(turn(5, { jobs: [{ ...made, progress: 7 }] }))
    same((await store.load(SOON)).jobs.map(({ id, progress }) => [id, progress]), [['a', 7]])
    await store.close()
  },

  async 'a schedule that is dropped is gone, and what became of it stays'(disk) {
    const store = await loaded(disk)
    const schedules = ['a', 'b'].map((id) => row('schedules', { id }))
    const occurrences = [row('occurrences', { seq: 1, schedule_id: 'a', due_at: 1 })]
    await store.commit(turn(1, { schedules, occurrences }))
    const out = turn(2, {})
    out.deletions.schedules.add('a' as never)
    await store.commit(out)
    same((await store.load(SOON)).schedules, schedules.slice(1))
    same(await store.queries.schedule('a' as never), undefined)
    same(await store.queries.occurrences('a' as never, { limit: 9 }), occurrences)
    await store.close()
  },
}
