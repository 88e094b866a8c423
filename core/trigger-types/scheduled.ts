import * as v from 'valibot'
import type { ScheduleId } from '../base/ids.ts'
import { scheduleTopic } from './topic.ts'
import { triggerType } from './trigger-type.ts'

/** It fires with each run of a schedule. */
export const scheduled = triggerType<'scheduled', { readonly schedule_id: ScheduleId }, unknown>({
  name: 'scheduled',
  config: v.strictObject({
    schedule_id: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as ScheduleId)),
  }),
  credential: 'none',
  path: null,
  rateLimited: false,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references: ({ schedule_id }) => [{ record: 'schedule', id: schedule_id, field: 'config.schedule_id' }],
  subscribes: ({ schedule_id }) => [scheduleTopic(schedule_id)],
  screen: () => null,
})
