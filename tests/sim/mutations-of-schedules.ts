import type { Event } from '../../core/event.ts'
import type { ScheduleId } from '../../core/ids.ts'
import type { OccurrenceRow, Plan, ScheduleRow } from '../../core/schedule.ts'
import { dueAfter } from '../../core/schedule.ts'
import type { State } from '../../core/state.ts'
import { type Plant, SOUND } from './plant.ts'

/** Mutations of what is done about schedules. */

/** Rows of schedules are changed on their way into memory and to the disk, if they were there before. */
function keeping(change: (after: ScheduleRow, before: ScheduleRow) => ScheduleRow): Plant {
  return {
    ...SOUND,
    state: ({ schedules }) => {
      const set = schedules.set.bind(schedules)
      schedules.set = (id, row) => {
        const before = schedules.get(id)
        return set(id, before === undefined ? row : change(row, before))
      }
    },
    shell: (shell, { schedules }) => ({
      ...shell,
      commit: (out) => {
        for (const id of out.rows.schedules.keys()) {
          const row = schedules.get(id)
          if (row !== undefined) out.rows.schedules.set(id, row)
        }
        return shell.commit(out)
      },
    }),
  }
}

/** Whoever decides about a schedule finds it otherwise in one field than people said, and what is kept is what they said. */
function seeing<F extends 'misfire' | 'overlap'>(field: F, lie: Plan[F]): Plant {
  const said = new Map<ScheduleId, Plan[F]>()
  let stepping = false
  const honest = (row: ScheduleRow): ScheduleRow => ({ ...row, [field]: said.get(row.id) ?? row[field] })
  const event = (arrived: Event): Event => {
    if (arrived.type === 'schedule.saved') said.set(arrived.schedule, arrived.plan[field])
    return arrived
  }
  return {
    ...SOUND,
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
    shell: (shell) => ({
      ...shell,
      now: () => {
        stepping = true
        return shell.now()
      },
      commit: (out) => {
        stepping = false
        for (const [id, row] of out.rows.schedules) out.rows.schedules.set(id, honest(row))
        return shell.commit(out)
      },
    }),
  }
}

/** What is written of occurrences is changed on its way to the disk; null is not written. */
function telling(change: (row: OccurrenceRow, state: State) => OccurrenceRow | null): Plant {
  return {
    ...SOUND,
    shell: (shell, state) => ({
      ...shell,
      commit: (out) => {
        const rows = out.occurrences.splice(0)
        for (const row of rows) {
          const changed = change(row, state)
          if (changed !== null) out.occurrences.push(changed)
        }
        return shell.commit(out)
      },
    }),
  }
}

export const notMovedOn = (): Plant =>
  keeping((after, before) =>
    after.updated_at === before.updated_at
      ? { ...after, next_run: before.next_run, decided_until: before.decided_until }
      : after
  )

/** After a restart each schedule begins where it began the first time. */
export const beginsAnew = (): Plant => ({
  ...SOUND,
  state: ({ schedules, timers }) => {
    for (const [id, row] of schedules) {
      const next = row.enabled ? dueAfter(row, row.updated_at) : null
      if (next === null) continue
      schedules.set(id, { ...row, next_run: next, fires_at: next })
      timers.set('schedule.due', id, next)
    }
  },
})

export const misfireIgnored = (): Plant => seeing('misfire', 'run_all')
export const overlapIgnored = (): Plant => seeing('overlap', 'allow')

/** An edit finds that nothing is due. */
export const dueForgotten = (): Plant => ({
  ...SOUND,
  event: (event, { schedules }) => {
    const row = event.type === 'schedule.saved' ? schedules.get(event.schedule) : undefined
    if (row !== undefined && event.type === 'schedule.saved') {
      schedules.set(row.id, { ...row, next_run: null })
    }
    return event
  },
})

/** What was due is told to have been due when it was acted upon. */
export const jitterMoves = (): Plant =>
  telling((row, { schedules }) => {
    const jitter = schedules.get(row.schedule_id)?.jitter_ms ?? 0
    return jitter === 0 || row.due_at === null ? row : { ...row, due_at: row.at, until: row.at }
  })

export const skippedUntold = (): Plant => telling((row) => (row.outcome === 'skipped' ? null : row))

export const countedTwice = (): Plant =>
  keeping((after, before) => after.run_count > before.run_count ? { ...after, run_count: after.run_count + 1 } : after)

export const completionsUncounted = (): Plant =>
  keeping((after, before) => ({ ...after, success_count: before.success_count }))
