import type { Millis, ScheduleId } from '../../../core/base/ids.ts'
import type { Effects } from '../../../core/turn.ts'
import { indexJob } from '../../../core/jobs/save.ts'
import type { ScheduleRow } from '../../../core/records/schedule.ts'
import type { State } from '../../../core/state.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of what is done when the clock was set. */

/** Undoes something of the turn in which the clock was set. */
function undoing(undo: (state: State, by: number, out: Effects) => void): Mutant {
  return {
    ...ORIGINAL,
    ports: (ports, state) => ({
      ...ports,
      commit: (out) => {
        if (out.clockChange !== null) undo(state, out.clockChange.by, out)
        return ports.commit(out)
      },
    }),
  }
}

/** Time stands still until the clock has caught up with itself, and goes on from where it was set to. */
export const clamped = (): Mutant => {
  let latest = 0
  return {
    ...ORIGINAL,
    clock: (clock, dials) => ({
      now: () => latest = Math.max(latest, dials.wall()),
      adjust: () => 0,
      resumeFrom: (last) => void (latest = Math.max(latest, last)),
      committed: () => {},
      setAlarm: (at, ring) =>
        clock.setAlarm(at === null ? null : clock.now() + at - Math.max(latest, dials.wall()), ring),
      isSet: false,
    }),
  }
}

/** A process that begins behind its rows waits until the clock has caught up with them. */
export const waitsForRows = (): Mutant => ({
  ...ORIGINAL,
  clock: (clock, dials) => {
    let first = 0
    const now = (): number => Math.max(first, dials.wall())
    return {
      now: () => first > dials.wall() ? first : clock.now(),
      adjust: () => first > dials.wall() ? 0 : clock.adjust(),
      resumeFrom: (last) => {
        if (last <= dials.wall()) clock.resumeFrom(last)
        else first = last
      },
      committed: () => clock.committed(),
      setAlarm: (at, ring) =>
        clock.setAlarm(at === null || first <= dials.wall() ? at : clock.now() + at - now(), ring),
      isSet: false,
    }
  },
})

/** A process begins with what is near by a clock that is behind its rows. */
export const loadsByTheClock = (): Mutant => ({
  ...ORIGINAL,
  store: (store) => {
    let first: Millis | null = null
    return { ...store, load: (dueUntil, recentSince) => store.load(first ??= dueUntil, recentSince) }
  },
})

/** Jobs that are on the disk only are left as they are. */
export const farJobsStay = (): Mutant => ({
  ...ORIGINAL,
  store: (store, { tables, live }) => ({
    ...store,
    commit: (out) => {
      const far = out.clockChange === null ? [] : [...live.values()].filter(({ id }) => !out.rows.jobs.has(id))
      const receipt = store.commit(out)
      for (const job of far) {
        tables.jobs.set(job.id, job)
        live.set(job.id, job)
      }
      return receipt
    },
  }),
})

/** A job that runs is as old as the clock says. */
export const timeoutsStay = (): Mutant =>
  undoing((state, by, out) => {
    for (const job of state.jobs.values()) {
      if (job.status !== 'running' || job.started_at === null) continue
      const older = { ...job, started_at: job.started_at - by }
      indexJob(state, older)
      out.rows.jobs.set(job.id, older)
      state.timers.set('job.timeout', job.id, older.started_at + job.timeout_ms)
    }
  })

/** A robot's last frame keeps the instant of the former clock. */
export const leasesStay = (): Mutant =>
  undoing((state, by) => {
    for (const session of state.sessions.values()) {
      session.lastFrameAt -= by
      state.timers.set('robot.lease', session.robot, session.lastFrameAt + state.settings.leaseMs)
    }
  })

/** Schedules keep their next instant when the clock is set back. */
export function schedulesWait(): Mutant {
  let before: ReadonlyMap<ScheduleId, ScheduleRow> = new Map()
  const undo = undoing((state, by, out) => {
    if (by > 0) return
    for (const [id, row] of before) {
      if (!out.rows.schedules.has(id)) continue
      state.schedules.set(id, row)
      out.rows.schedules.set(id, row)
      state.timers.set('schedule.due', id, row.fires_at ?? Infinity)
    }
  })
  return {
    ...undo,
    ports: (ports, state) =>
      undo.ports({
        ...ports,
        clockSet: () => {
          before = new Map(state.schedules)
          return ports.clockSet()
        },
      }, state),
  }
}

/** Runs made while the clock was ahead are forgotten when it is corrected. */
export const runsAgain = (): Mutant => ({
  ...ORIGINAL,
  state: ({ earlyRuns }) => {
    earlyRuns.clear()
    earlyRuns.set = () => earlyRuns
  },
})
