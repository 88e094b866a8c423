import { type NewTrigger, type NewTriggerView, triggers } from '../../../core/api/triggers.ts'
import type { TriggerId } from '../../../core/base/ids.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, refuse } from '../../../core/base/refusal.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import { TriggerEvent, type TriggerRow } from '../../../core/records/trigger.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { triggerSettings } from '../../commands/triggers.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { fireCommand } from '../../triggers/fire.ts'
import { firingView, triggerView } from '../../views/triggers.ts'
import { ledgerPage } from '../kit/request.ts'
import { locationIn } from '../kit/response.ts'
import { Answered, handlers, pageOfRows, type Send } from '../kit/serve.ts'
import { reportFiles } from './file-events.ts'

export const triggerHandlers = handlers(triggers, {
  create: ({ fleet, send, body, key }) => save(fleet, send, body, key.name, undefined),
  update: ({ fleet, send, body, key, id }) => {
    const before = fleet.state.triggers.get(id as TriggerId)
    if (before === undefined) return noTrigger(id)
    if (body.id === undefined || body.id === id) return save(fleet, send, body, key.name, before)
    return refuse('INVALID_PAYLOAD', 'Field id: a trigger keeps its id', { fields: ['id'] })
  },
  list: async ({ fleet, page }) => pageOfRows(await fleet.queries.triggers(page), (row) => triggerView(fleet, row)),
  get: async ({ fleet, id }) => {
    const trigger = await fleet.queries.trigger(id as TriggerId)
    return trigger === undefined ? noTrigger(id) : triggerView(fleet, trigger)
  },
  events: async ({ fleet, page, id }) => {
    const trigger = await fleet.queries.trigger(id as TriggerId)
    if (trigger === undefined) return noTrigger(id)
    const rows = await fleet.queries.triggerEvents(trigger.id, { before: page.after?.at, limit: page.limit + 1 })
    return pageOfRows(ledgerPage(rows, page, trigger.id), TriggerEvent.show)
  },
  enable: async ({ fleet, send, id }) =>
    shown(fleet, await send({ type: 'trigger.switched', trigger: id as TriggerId, enabled: true })),
  disable: async ({ fleet, send, id }) =>
    shown(fleet, await send({ type: 'trigger.switched', trigger: id as TriggerId, enabled: false })),
  delete: async ({ fleet, send, id }) =>
    shown(fleet, await send({ type: 'trigger.deleted', trigger: id as TriggerId })),
  fire: async ({ fleet, send, body, key, id, header, base }) => {
    const trigger = id as TriggerId
    const idempotency = idempotencyOf(header('idempotency-key'), key, body, `fire ${trigger}`)
    if (isRefusal(idempotency)) return idempotency
    const fired = await send(fireCommand(fleet.platform, {
      trigger,
      as: null,
      by: { name: key.name, key: key.id },
      payload: toText(body.payload),
      metadata: toText({ ...body.metadata, source: 'manual', fired_by: key.name }),
      idempotency,
    }))
    if (isRefusal(fired)) return fired
    if (fired.job === null) return new Answered(firingView(fired), { status: 200 })
    return new Answered(firingView(fired), { headers: locationIn(base, 'jobs', fired.job.id) })
  },
  reportFiles,
})

/** Makes a trigger, or changes the one that there was. */
async function save(
  fleet: Fleet,
  send: Send,
  body: NewTrigger,
  by: string,
  before: TriggerRow | undefined,
): Promise<NewTriggerView | Refusal> {
  const made = triggerSettings(body)
  if (isRefusal(made)) return made
  const configProblem = await fleet.platform.configChecks?.[body.trigger_type]?.(made.settings.config) ?? null
  if (configProblem !== null) return configProblem
  const trigger = before?.id ?? (body.id ?? fleet.platform.rowId()) as TriggerId
  const saved = await send({ type: 'trigger.saved', trigger, revision: before?.revision ?? null, by, ...made })
  if (isRefusal(saved)) return saved
  return { ...triggerView(fleet, saved.trigger), secret: saved.shown?.reveal() ?? null }
}

function shown(fleet: Fleet, reply: ReplyTo<'trigger.switched'> | Refusal) {
  return isRefusal(reply) ? reply : triggerView(fleet, reply.trigger)
}
