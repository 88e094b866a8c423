import type { Event } from '../../../core/events/index.ts'
import type { ScheduleId } from '../../../core/base/ids.ts'
import type { ScheduleRow, ScheduleRunRow, ScheduleSpec } from '../../../core/records/schedule.ts'
import { dueAfter } from '../../../core/records/schedule.ts'
import type { State } from '../../../core/state.ts'
import { type Mutant, ORIGINAL } from './mutant.ts'

/** Mutations of what is done about schedules. */

/** Rows of schedules are changed on their way into memory and to the disk, if they were there before. */
function changingRows(change: (after: ScheduleRow, before: ScheduleRow) => ScheduleRow): Mutant {
  return {
    ...ORIGINAL,
    state: ({ schedules }) => {
      const set = schedules.set.bind(schedules)
      schedules.set = (id, row) => {
        const before = schedules.get(id)
        return set(id, before === undefined ? row : change(row, before))
      }
    },
    ports: (ports, { schedules }) => ({
      ...ports,
      commit: (out) => {
        for (const id of out.rows.schedules.keys()) {
          const row = schedules.get(id)
          if (row !== undefined) out.rows.schedules.set(id, row)
        }
        return ports.commit(out)
      },
    }),
  }
}

/** A schedule is decided with another value in one field than users have set, while the row keeps the user's. */
function misreading<F extends 'misfire' | 'overlap'>(field: F, lie: ScheduleSpec[F]): Mutant {
  const asPlanned = new Map<ScheduleId, ScheduleSpec[F]>()
  let stepping = false
  const honest = (row: ScheduleRow): ScheduleRow => ({ ...row, [field]: asPlanned.get(row.id) ?? row[field] })
  const event = (arrived: Event): Event => {
    if (arrived.type === 'schedule.saved') asPlanned.set(arrived.schedule, arrived.spec[field])
    return arrived
  }
  return {
    ...ORIGINAL,
    event,
    state: ({ schedules }) => {
      const get = schedules.get.bind(schedules)
      const set = schedules.set.bind(schedules)
      schedules.get = (id) => {
        const row = get(id)
        return row === undefined || !stepping ? row : { ...row, [field]: lie }
      }
      schedules.set = (id, row) => set(id, honest(row))
    },
    ports: (ports) => ({
      ...ports,
      now: () => {
        stepping = true
        return ports.now()
      },
      commit: (out) => {
        stepping = false
        for (const [id, row] of out.rows.schedules) out.rows.schedules.set(id, honest(row))
        return ports.commit(out)
      },
    }),
  }
}

/** Rows of schedule runs are changed before they are stored; null is not stored. */
function changingRuns(change: (row: ScheduleRunRow, state: State) => ScheduleRunRow | null): Mutant {
  return {
    ...ORIGINAL,
    ports: (ports, state) => ({
      ...ports,
      commit: (out) => {
        const rows = out.scheduleRuns.splice(0)
        for (const row of rows) {
          const changed = change(row, state)
          if (changed !== null) out.scheduleRuns.push(changed)
        }
        return ports.commit(out)
      },
    }),
  }
}

export const notMovedOn = (): Mutant =>
  changingRows((after, before) =>
    after.updated_at === before.updated_at
      ? { ...after, next_run: before.next_run, decided_until: before.decided_until }
      : after
  )

/** After a restart each schedule begins where it began the first time. */
export const beginsAnew = (): Mutant => ({
  ...ORIGINAL,
  state: ({ schedules, timers }) => {
    for (const [id, row] of schedules) {
      const next = row.enabled ? dueAfter(row, row.updated_at) : null
      if (next === null) continue
      schedules.set(id, { ...row, next_run: next, fires_at: next })
      timers.set('schedule.due', id, next)
    }
  },
})

export const misfireIgnored = (): Mutant => misreading('misfire', 'run_all')
export const overlapIgnored = (): Mutant => misreading('overlap', 'allow')

/** An edit finds that nothing is due. */
export const dueForgotten = (): Mutant => ({
  ...ORIGINAL,
  event: (event, { schedules }) => {
    const row = event.type === 'schedule.saved' ? schedules.get(event.schedule) : undefined
    if (row !== undefined && event.type === 'schedule.saved') {
      schedules.set(row.id, { ...row, next_run: null })
    }
    return event
  },
})

/** The recorded due instant is that of the action. */
export const jitterMoves = (): Mutant =>
  changingRuns((row, { schedules }) => {
    const jitter = schedules.get(row.schedule_id)?.jitter_ms ?? 0
    return jitter === 0 || row.due_at === null ? row : { ...row, due_at: row.at, until: row.at }
  })

export const skippedNotRecorded = (): Mutant => changingRuns((row) => (row.outcome === 'skipped' ? null : row))

export const countedTwice = (): Mutant =>
  changingRows((after, before) =>
    after.run_count > before.run_count ? { ...after, run_count: after.run_count + 1 } : after
  )

export const completionsUncounted = (): Mutant =>
  changingRows((after, before) => ({ ...after, success_count: before.success_count }))
