import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../adapters/store/file.ts'
import { openLibsqlStore } from '../adapters/store/libsql.ts'
import { newEffects } from '../core/turn.ts'
import { nextAlarm } from '../core/on-timer.ts'
import { step } from '../core/step.ts'
import { type Bench, bench, ids, START, submit } from '../tests/core/bench.ts'
import { save, workflow } from '../tests/core/schedules.ts'
import { median, timed } from './measure.ts'
import { number, percent, type Table } from './table.ts'
import { NOTHING_PREFETCHED } from '../core/prefetch.ts'

/** Many schedules: nothing while none is due, and nothing for what has been. */

const SCHEDULES = 10_000
const RUNS = 1_000_000
const EVENTS = 5_000
const ROUNDS = 9
const STARTS = 7
/** A turn with schedules against one without, and a start with a ledger against one with an empty ledger. */
const IDLE_RATIO_MAX = 1.3
const LEDGER_RATIO_MAX = 1.5
/** To decide a schedule, against saving it. */
const DECIDE_RATIO_MAX = 5

export async function scheduleBench(): Promise<readonly Table[]> {
  return [idle(), due(), await starts()]
}

function fleetOf(schedules: number): Bench {
  const fleet = bench({ liveJobsMax: 1e9 })
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo']
  fleet.turn(...workflow())
  fleet.turn(
    ...Array.from(
      { length: schedules },
      (_, i) => save({ cron_expression: `0 ${i % 24} * * *`, timezone: zones[i % 4] ?? 'UTC' }, 'create', `s-${i}`),
    ),
  )
  return fleet
}

function idle(): Table {
  const [none, many] = [fleetOf(0), fleetOf(SCHEDULES)]
  const times = { none: [] as number[], many: [] as number[] }
  let id = 0
  const round = ({ state }: Bench): number => {
    // CPU time, which other processes on the machine do not affect.
    const before = process.cpuUsage().user
    for (let i = 0; i < EVENTS; i++) {
      // Not through the bench, which keeps a disk and reads from it.
      const turn = { now: START, prefetched: NOTHING_PREFETCHED, out: newEffects(++id, START), facts: [] }
      const job = ids.job(`j-${id}`)
      step(state, submit(job), turn)
      step(state, { type: 'cancel.requested', reply: ids.reply('c'), job, by: 'bench', reason: 'bench' }, turn)
      nextAlarm(state)
    }
    return (process.cpuUsage().user - before) * 1000 / EVENTS
  }
  for (let i = 0; i < ROUNDS + 2; i++) {
    const [a, b] = [round(none), round(many)]
    if (i < 2) continue
    times.none.push(a)
    times.many.push(b)
  }
  const [a, b] = [median(times.none), median(times.many)]
  return {
    title: `schedules: nanoseconds of processor time for a turn of two events, without and with ${
      number(SCHEDULES)
    } schedules`,
    columns: ['', 'without', 'with', 'more'],
    rows: [['submit and cancel a job, and set the alarm', number(a), number(b), percent(b / a - 1)]],
    notes: [
      `Median of ${ROUNDS} rounds of ${number(EVENTS)} turns by turns. No schedule is due, and one alarm is set.`,
    ],
    bounds: [{ of: 'with / without schedules', value: b / a, most: IDLE_RATIO_MAX }],
  }
}

/** All of them at one instant: the worst that there is. */
function due(): Table {
  const fleet = bench({ liveJobsMax: 1e9 })
  fleet.turn(...workflow())
  const saved = timed(() =>
    fleet.turn(
      ...Array.from({ length: SCHEDULES }, (_, i) => save({ cron_expression: '0 10 * * *' }, 'create', `s-${i}`)),
    )
  )
  let turns = 0
  let longest = 0
  let all = 0
  for (let alarm = nextAlarm(fleet.state); fleet.state.jobs.size < SCHEDULES && alarm !== null;) {
    fleet.now = Math.max(fleet.now, alarm.at)
    const ms = timed(() => fleet.turn({ type: 'tick' }))
    turns++
    all += ms
    longest = Math.max(longest, ms)
    alarm = nextAlarm(fleet.state)
  }
  return {
    title: `schedules: ${number(SCHEDULES)} that are due at one instant`,
    columns: ['what', 'value'],
    rows: [
      ['to save one, us', number(1000 * saved / SCHEDULES, 1)],
      ['to decide all, ms', number(all, 1)],
      ['turns', number(turns)],
      ['the longest of them, ms', number(longest, 1)],
    ],
    notes: [
      'The core alone: each makes a job, a row of its ledger, and the next instant. What the commit takes comes on top.',
    ],
    bounds: [{ of: 'to decide one / to save one', value: all / saved, most: DECIDE_RATIO_MAX }],
  }
}

async function starts(): Promise<Table> {
  const folder = mkdtempSync(join(tmpdir(), 'casare-schedules-'))
  try {
    const files = { none: join(folder, 'none.db'), empty: join(folder, 'empty.db'), full: join(folder, 'full.db') }
    await fill(files.none, 0, 0)
    await fill(files.empty, SCHEDULES, 0)
    await fill(files.full, SCHEDULES, RUNS)
    const times = { none: [] as number[], empty: [] as number[], full: [] as number[] }
    for (let i = 0; i < STARTS; i++) {
      for (const file of ['none', 'empty', 'full'] as const) times[file].push(start(files[file]))
    }
    const [none, empty, full] = [median(times.none), median(times.empty), median(times.full)]
    return {
      title: `schedules: a start, ms`,
      columns: ['on disk', 'ms', 'size of the file'],
      rows: [
        ['no schedules', number(none, 1), size(files.none)],
        [`${number(SCHEDULES)} schedules`, number(empty, 1), size(files.empty)],
        [`  and ${number(RUNS)} rows of ledger`, number(full, 1), size(files.full)],
      ],
      notes: [
        `Median of ${STARTS} starts by turns, each in a process of its own. A ledger costs ${
          percent(full / empty - 1)
        } more.`,
      ],
      bounds: [{ of: 'a start with a ledger / without', value: full / empty, most: LEDGER_RATIO_MAX }],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function size(file: string): string {
  return `${number(statSync(file).size / 2 ** 20)} MiB`
}

async function fill(path: string, schedules: number, runs: number): Promise<void> {
  const fleet = fleetOf(schedules)
  const store = await openLibsqlStore({ path })
  await store.load(Number.MAX_SAFE_INTEGER)
  await store.commit({ ...newEffects(1, fleet.now), rows: fleet.disk.rows })
  await store.close()
  const sql = connect(path)
  sql.script(`
    with recursive numbers(n) as (select 1 where ${runs} > 0 union all select n + 1 from numbers where n < ${runs})
    insert into schedule_runs(seq, schedule_id, due_at, until, at, outcome, reason, job_id)
    select n, 's-' || (n % ${SCHEDULES}), n * 60000, n * 60000, n * 60000, 'fired', '', 'job-' || n from numbers
  `)
  sql.close()
}

function start(path: string): number {
  const file = fileURLToPath(new URL('history-start.ts', import.meta.url))
  const out = execFileSync(process.execPath, ['--expose-gc', '--import', 'tsx', file, path], { encoding: 'utf8' })
  return (JSON.parse(out) as { readonly ms: number }).ms
}
