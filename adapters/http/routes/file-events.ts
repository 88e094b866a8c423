import { GLOB_CHARS_MAX, globChars } from '../../../core/base/glob.ts'
import type { TriggerId } from '../../../core/base/ids.ts'
import type { ReportedEvent } from '../../../core/trigger-types/file-watch.ts'
import type { FileOutcome, triggers } from '../../../core/api/triggers.ts'
import { instantText } from '../../../core/base/instant.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS, refuse } from '../../../core/base/refusal.ts'
import type { Screening, TriggerFired } from '../../../core/events/triggers.ts'
import { configIn, type TriggerRow } from '../../../core/records/trigger.ts'
import { screen } from '../../../core/triggers/screen.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { filePayload } from '../../sources/file-payload.ts'
import { idempotencyOf } from '../../commands/jobs.ts'
import { fireCommand } from '../../triggers/fire.ts'
import type { RequestTo } from '../kit/serve.ts'
import type { KeyRow } from '../../../core/records/key.ts'

/**
 * Handles a report of what has happened to files of a robot's machine. Each event is put to the trigger in order and
 * answered for itself, so that one that is refused does not take the others along.
 */
export async function reportFiles(
  { fleet, send, body: { events }, key, id, header }: RequestTo<typeof triggers.reportFiles>,
): Promise<{ items: FileOutcome[] } | Refusal> {
  const trigger = reportedTrigger(fleet, id as TriggerId)
  if (isRefusal(trigger)) return trigger
  const screenings = await screenAll(trigger, events)
  const at = instantText(fleet.platform.now())
  const once = events.map((event, i) => idempotencyOf(header('idempotency-key'), key, event, `file-events ${id} ${i}`))
  const wrong = once.find((one) => isRefusal(one))
  if (isRefusal(wrong)) return wrong
  // All at once: they are taken in the order in which they are put, and share what it costs to make them durable.
  const items = await Promise.all(events.map(async (event, i) => {
    const screening = screenings[i] as Screening
    const idempotency = once[i] as TriggerFired['idempotency']
    return outcomeOf(await send(firingOf(fleet, trigger.id, event, { key, at, screening, idempotency })))
  }))
  return { items }
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

function firingOf(
  fleet: Fleet,
  trigger: TriggerId,
  { event_type: type, file_path: path, src_path: source, size, timestamp }: ReportedEvent,
  { key, at, screening, idempotency }: ReportContext,
) {
  return fireCommand(fleet.platform, {
    trigger,
    as: 'file_watch',
    by: { name: key.name, key: key.id },
    payload: toText(filePayload({ type, path, at: timestamp ?? at, source, size })),
    // The robot is known from the key, and not from what the report says.
    metadata: toText({ source: 'robot', robot_id: key.robot_id, event_type: type }),
    screening,
    idempotency,
  })
}

function outcomeOf(answer: ReplyTo<'trigger.fired'> | Refusal): FileOutcome {
  if (isRefusal(answer)) {
    const { refused: error_code, message } = answer
    return { outcome: 'refused', error_code, message, retry: REFUSALS[error_code].retry }
  }
  return answer.job === null
    ? { outcome: 'skipped', reason: answer.skipped ?? '' }
    : { outcome: 'fired', job_id: answer.job.id }
}
