import type { TriggerFired, WebhookReceived } from '../../core/events/triggers.ts'
import type { JobId, ReplyId, TriggerId } from '../../core/base/ids.ts'
import { sha256 } from '../crypto/secrets.ts'

/** The input of a trigger. Optional fields have defaults that suit most sources. */
export type Firing =
  & Pick<TriggerFired, 'trigger' | 'as' | 'payload' | 'metadata'>
  & Partial<Pick<TriggerFired, 'by' | 'idempotency' | 'cursor' | 'fire_and_forget' | 'screening'>>

/** Builds the event that fires a trigger, for inputs of every origin. */
export function fireTrigger(from: { readonly rowId: () => string }, firing: Firing): (reply: ReplyId) => TriggerFired {
  const command = fireCommand(from, firing)
  return (reply) => ({ ...command, reply })
}

/** The same, without the address of its answer. */
export function fireCommand({ rowId }: { readonly rowId: () => string }, firing: Firing): Omit<TriggerFired, 'reply'> {
  return {
    type: 'trigger.fired',
    job: rowId() as JobId,
    by: null,
    idempotency: null,
    cursor: null,
    fire_and_forget: false,
    screening: null,
    ...firing,
  }
}

/**
 * Recognises a delivery that comes again, by the name that its sender gives it. The same name at another trigger, or from
 * another kind of sender, is another delivery. `content` is what must be the same then; left out, the name says it all.
 */
export function onceBy(
  trigger: TriggerId,
  sender: 'webhook' | 'chat' | 'form' | 'source',
  name: string,
  content: string | Uint8Array = name,
): NonNullable<WebhookReceived['idempotency']> {
  return { key: sha256(JSON.stringify([trigger, sender, name])), fingerprint: sha256(content) }
}
