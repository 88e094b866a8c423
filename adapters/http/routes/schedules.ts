import { schedules } from '../../../core/api/schedules.ts'
import type { JobId, ScheduleId } from '../../../core/base/ids.ts'
import { instantText } from '../../../core/base/instant.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import { Job } from '../../../core/records/job.ts'
import { preview, Schedule, ScheduleRun, upcoming } from '../../../core/records/schedule.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import { newScheduleId, saveSchedule } from '../../commands/schedules.ts'
import { ledgerPage } from '../kit/request.ts'
import { handlers, pageOfRows } from '../kit/serve.ts'

export const scheduleHandlers = handlers(schedules, {
  create: async ({ fleet, key, body, send }) => {
    const schedule = newScheduleId(fleet.platform.rowId)
    const command = saveSchedule(body, { schedule, mode: 'create', by: key.name })
    return isRefusal(command) ? command : shown(await send(command))
  },
  update: async ({ id, key, body, send }) => {
    const command = saveSchedule(body, { schedule: id as ScheduleId, mode: 'update', by: key.name })
    return isRefusal(command) ? command : shown(await send(command))
  },
  list: async ({ fleet, page }) => pageOfRows(await fleet.queries.schedules(page), Schedule.show),
  upcoming: ({ fleet, page }) => {
    const coming = upcoming(fleet.state.schedules.values(), page.limit)
    return { items: coming.map(Schedule.show), next_cursor: null }
  },
  get: async ({ fleet, id }) => {
    const schedule = await fleet.queries.schedule(id as ScheduleId)
    return schedule === undefined ? notFound('Schedule', id) : Schedule.show(schedule)
  },
  preview: async ({ fleet, id, query: { count } }) => {
    const schedule = await fleet.queries.schedule(id as ScheduleId)
    if (schedule === undefined) return notFound('Schedule', id)
    const items = preview(schedule, fleet.platform.now(), count)
      .map(({ due_at, fires_at }) => ({ due_at: instantText(due_at), fires_at: instantText(fires_at) }))
    return { items, next_cursor: null }
  },
  runs: async ({ fleet, id, page }) => {
    const schedule = await fleet.queries.schedule(id as ScheduleId)
    if (schedule === undefined) return notFound('Schedule', id)
    const rows = await fleet.queries.scheduleRuns(schedule.id, { before: page.after?.at, limit: page.limit + 1 })
    return pageOfRows(ledgerPage(rows, page, schedule.id), ScheduleRun.show)
  },
  enable: async ({ id, send }) =>
    shown(await send({ type: 'schedule.switched', schedule: id as ScheduleId, enabled: true, note: '' })),
  disable: async ({ id, body: { note }, send }) =>
    shown(await send({ type: 'schedule.switched', schedule: id as ScheduleId, enabled: false, note })),
  trigger: async ({ fleet, id, key, send }) => {
    const job = fleet.platform.rowId() as JobId
    const schedule = id as ScheduleId
    const reply = await send({ type: 'schedule.triggered', schedule, job, by: key.name, key: key.id })
    return isRefusal(reply) ? reply : Job.show(reply.job)
  },
  delete: async ({ id, send }) => shown(await send({ type: 'schedule.deleted', schedule: id as ScheduleId })),
})

function shown(reply: ReplyTo<'schedule.saved'> | Refusal) {
  return isRefusal(reply) ? reply : Schedule.show(reply.schedule)
}
