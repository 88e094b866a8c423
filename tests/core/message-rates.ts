import { expect } from 'vitest'
import type { Send } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import { beat, type Bench, bench, join, messages, say, submit } from './bench.ts'

/** A robot that says much, for tests of how much it may. */

export const LIMIT = 10
export const SECOND = 1_000

/** A robot with the job j1, a limit of ten messages a minute, and two counted messages. */
export function atWork(limit = LIMIT): Bench {
  const fleet = bench({ robotMessagesMax: limit, robotMessagesMs: 60 * SECOND })
  fleet.turn(...join('r1', { slots: 3 }))
  fleet.turn(say('r1', 'status_response', { status: 'online', active_job_ids: [] }))
  fleet.turn(submit('j1'))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
  fleet.turn(beat('r1'))
  return fleet
}

export const progress = (percent: number, id = 'j1'): Event =>
  say('r1', 'job_progress', { job_id: id, progress: percent })
export const line = (text: string): Event => say('r1', 'log_entry', { job_id: 'j1', level: 'INFO', message: text })
export const batch = (count: number): Event =>
  say('r1', 'log_batch', {
    job_id: 'j1',
    entries: Array.from({ length: count }, () => ({ level: 'INFO', message: 'x' })),
  })
export const errors = (sends: readonly Send[]) => messages(sends, 'error').map(({ payload }) => payload)

/** Uses up what is left. */
export function exhaust(fleet: Bench): void {
  for (let percent = 2; percent < LIMIT; percent++) expect(errors(fleet.turn(progress(percent)))).toEqual([])
}
