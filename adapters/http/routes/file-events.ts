import { Hono } from 'hono'
import { instantText } from '../../../core/base/instant.ts'
import { GLOB_CHARS_MAX, globChars } from '../../../core/base/glob.ts'
import type { TriggerId } from '../../../core/base/ids.ts'
import {
  type FileOutcome,
  FileReport,
  type FileReportView,
  type ReportedEvent,
} from '../../../core/trigger-types/file-watch.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS, refuse } from '../../../core/base/refusal.ts'
import { submissionsLeft } from '../../../core/limiter/rates.ts'
import type { Screening, TriggerFired } from '../../../core/events/triggers.ts'
import { configIn, type TriggerRow } from '../../../core/records/trigger.ts'
import { screen } from '../../../core/triggers/screen.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { filePayload } from '../../sources/file-payload.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { fireTrigger } from '../../triggers/fire.ts'
import { type HonoEnv, readBody, requireScope } from '../kit/request.ts'
import { refused, setQuotaHeaders } from '../kit/response.ts'
import type { KeyRow } from '../../../core/records/key.ts'

/**
 * `POST /api/v1/triggers/{id}/file-events`: a robot reports changes of files on its own machine. Each event is passed
 * to the trigger in order and answered separately, so that a refused one does not affect the others.
 */
export function fileEventRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  app.post('/:id/file-events', requireScope(fleet, 'robots:connect', 'jobs:submit'), async (c) => {
    const id = c.req.param('id') as TriggerId
    const trigger = reportedTrigger(fleet, id)
    if (isRefusal(trigger)) return refused(c, trigger)
    const body = await readBody(c, FileReport)
    if (isRefusal(body)) return refused(c, body)
    const screenings = await screenAll(trigger, body.events)
    const at = instantText(fleet.platform.now())
    const header = c.req.header('idempotency-key')

    const once = body.events.map((event, index) =>
      idempotencyOf(header, c.var.key, event, `file-events ${id} ${index}`)
    )
    const wrong = once.find((one) => isRefusal(one))
    if (isRefusal(wrong)) return refused(c, wrong)

    const outcomeOf = (event: ReportedEvent, index: number): Promise<FileOutcome> =>
      fireReported(fleet, id, event, {
        key: c.var.key,
        at,
        screening: screenings[index] as Screening,
        idempotency: once[index] as ReportContext['idempotency'],
      })
    // All at once: they are taken in the order in which they are put, and share what it costs to make them durable.
    const items = await Promise.all(body.events.map(outcomeOf))
    setQuotaHeaders(c, submissionsLeft(fleet.state, c.var.key.id, fleet.platform.now()))
    return c.json({ items } satisfies FileReportView)
  })
  return app
}

/** The work, in characters of paths times characters of patterns, after which other requests get their turn. */
const WORK_MAX = 4_000_000

/** Asks the filters of the trigger about each of the events, and lets others have their turn in between. */
async function screenAll(trigger: TriggerRow, events: readonly ReportedEvent[]): Promise<readonly Screening[]> {
  const width = globChars(configIn(trigger, 'file_watch').patterns) ?? GLOB_CHARS_MAX
  const screenings: Screening[] = []
  let work = 0
  for (const event of events) {
    work += event.file_path.length * width
    if (work > WORK_MAX) {
      work = 0
      await new Promise((resolve) => void setTimeout(resolve))
    }
    screenings.push(screen(trigger, 'file_watch', event))
  }
  return screenings
}

/** The trigger that is reported to. CONFLICT for one that has no use for reports. */
function reportedTrigger(fleet: Fleet, id: TriggerId): TriggerRow | Refusal {
  const trigger = fleet.state.triggers.get(id)
  if (trigger === undefined) return noTrigger(id)
  if (trigger.trigger_type === 'file_watch' && configIn(trigger, 'file_watch').reported) return trigger
  return refuse('CONFLICT', `Trigger ${id} takes no reports: make one of type file_watch with config.reported true`)
}

interface ReportContext {
  readonly key: KeyRow
  /** The instant of the report, for events without a time. */
  readonly at: string
  readonly screening: Screening
  readonly idempotency: TriggerFired['idempotency']
}

async function fireReported(
  fleet: Fleet,
  trigger: TriggerId,
  event: ReportedEvent,
  { key, at, screening, idempotency }: ReportContext,
): Promise<FileOutcome> {
  const { event_type: type, file_path: path, src_path: source, size } = event
  const answer = await fleet.request(fireTrigger(fleet.platform, {
    trigger,
    as: 'file_watch',
    by: { name: key.name, key: key.id },
    payload: toText(filePayload({ type, path, at: event.timestamp ?? at, source, size })),
    // The owner of the files is taken from the key, not from the body.
    metadata: toText({ source: 'robot', robot_id: key.robot_id, event_type: type }),
    screening,
    idempotency,
  }))
  if (answer.type === 'refusal') {
    const { refused: error_code, message } = answer.refusal
    return { outcome: 'refused', error_code, message, retry: REFUSALS[error_code].retry }
  }
  if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
  return answer.job === null
    ? { outcome: 'skipped', reason: answer.skipped ?? '' }
    : { outcome: 'fired', job_id: answer.job.id }
}
