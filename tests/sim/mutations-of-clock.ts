import type { Millis, ScheduleId } from '../../core/ids.ts'
import type { Effects } from '../../core/effects.ts'
import { place } from '../../core/keep.ts'
import type { ScheduleRow } from '../../core/schedule.ts'
import type { State } from '../../core/state.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of what is done when the clock was set. */

/** Undoes something of the turn in which the clock was set. */
function undoing(undo: (state: State, by: number, out: Effects) => void): Plant {
  return {
    ...SOUND,
    shell: (shell, state) => ({
      ...shell,
      commit: (out) => {
        if (out.moved !== null) undo(state, out.moved.by, out)
        return shell.commit(out)
      },
    }),
  }
}

/** Time stands still until the clock has caught up with itself, and goes on from where it was set to. */
export const clamped = (): Plant => {
  let latest = 0
  return {
    ...SOUND,
    clock: (clock, dials) => ({
      now: () => latest = Math.max(latest, dials.wall()),
      taken: () => 0,
      begin: (last) => void (latest = Math.max(latest, last)),
      kept: () => {},
      wake: (at, ring) => clock.wake(at === null ? null : clock.now() + at - Math.max(latest, dials.wall()), ring),
      isSet: false,
    }),
  }
}

/** A process that begins behind its rows waits until the clock has caught up with them. */
export const waitsForRows = (): Plant => ({
  ...SOUND,
  clock: (clock, dials) => {
    let first = 0
    const now = (): number => Math.max(first, dials.wall())
    return {
      now: () => first > dials.wall() ? first : clock.now(),
      taken: () => first > dials.wall() ? 0 : clock.taken(),
      begin: (last) => {
        if (last <= dials.wall()) clock.begin(last)
        else first = last
      },
      kept: () => clock.kept(),
      wake: (at, ring) => clock.wake(at === null || first <= dials.wall() ? at : clock.now() + at - now(), ring),
      isSet: false,
    }
  },
})

/** A process begins with what is near by a clock that is behind its rows. */
export const loadsByTheClock = (): Plant => ({
  ...SOUND,
  store: (store) => {
    let first: Millis | null = null
    return { ...store, load: (dueUntil, recentSince) => store.load(first ??= dueUntil, recentSince) }
  },
})

/** Jobs that are on the disk only are left as they are. */
export const farJobsStay = (): Plant => ({
  ...SOUND,
  store: (store, { tables, live }) => ({
    ...store,
    commit: (out) => {
      const far = out.moved === null ? [] : [...live.values()].filter(({ id }) => !out.rows.jobs.has(id))
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
export const timeoutsStay = (): Plant =>
  undoing((state, by, out) => {
    for (const job of state.jobs.values()) {
      if (job.status !== 'running' || job.started_at === null) continue
      const older = { ...job, started_at: job.started_at - by }
      place(state, older)
      out.rows.jobs.set(job.id, older)
      state.timers.set('job.timeout', job.id, older.started_at + job.timeout_ms)
    }
  })

/** A robot was last heard when the clock then said. */
export const leasesStay = (): Plant =>
  undoing((state, by) => {
    for (const session of state.sessions.values()) {
      session.heardAt -= by
      state.timers.set('robot.silent', session.robot, session.heardAt + state.settings.leaseMs)
    }
  })

/** What a schedule has decided is decided, whatever the clock says now. */
export function schedulesWait(): Plant {
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
    shell: (shell, state) =>
      undo.shell({
        ...shell,
        clockSet: () => {
          before = new Map(state.schedules)
          return shell.clockSet()
        },
      }, state),
  }
}

/** What ran while the clock was ahead is forgotten when it is put right. */
export const runsAgain = (): Plant => ({
  ...SOUND,
  state: ({ ahead }) => {
    ahead.clear()
    ahead.set = () => ahead
  },
})
