import type { State } from '../state.ts'
import type { ScheduleRow } from '../records/schedule.ts'
import type { Turn } from '../turn.ts'
import { markReleased, scheduleGroup } from '../queue/concurrency.ts'
import type { ScheduleId } from '../base/ids.ts'

/** Changes a schedule. The only function that does. */
export function saveSchedule(state: State, schedule: ScheduleRow, turn: Turn): void {
  indexSchedule(state, schedule)
  turn.out.rows.schedules.set(schedule.id, schedule)
}

/** Indexes a schedule with its deadline. */
export function indexSchedule(state: State, schedule: ScheduleRow): void {
  const before = state.schedules.get(schedule.id)
  state.schedules.set(schedule.id, schedule)
  if (schedule.fires_at === null) state.timers.cancel('schedule.due', schedule.id)
  else state.timers.set('schedule.due', schedule.id, schedule.fires_at)
  if (before !== undefined && before.overlap !== schedule.overlap) markReleased(state, scheduleGroup(schedule.id))
}

/** Deletes a schedule. The only function that does. Its jobs stay, and wait for each other no longer. */
export function deleteSchedule(state: State, id: ScheduleId, turn: Turn): void {
  state.schedules.delete(id)
  state.timers.cancel('schedule.due', id)
  markReleased(state, scheduleGroup(id))
  turn.out.rows.schedules.delete(id)
  turn.out.deletions.schedules.add(id)
}
