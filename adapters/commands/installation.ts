import type { Reply } from '../../core/reply.ts'
import type { KeyId, RobotId, TriggerId, WorkflowId } from '../../core/base/ids.ts'
import type { Scope } from '../../core/records/key.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { givenCredential } from './triggers.ts'
import { definitionOf } from './workflows.ts'
import { hashOf, newKey } from '../crypto/secrets.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { TRIGGER_DEFAULTS } from '../../core/records/trigger.ts'

/** Sets up a new installation: the sample workflows, one webhook, and the first keys. */

/** The actor of these changes. */
const SYSTEM = 'system'

/** A workflow that is shipped: the id is the name of its file. */
export interface Sample {
  readonly id: string
  readonly json: string
}

/** Publishes the samples that this fleet lacks. Existing workflows stay unchanged. */
export async function publishSamples(fleet: Fleet, samples: readonly Sample[]): Promise<void> {
  for (const { id, json } of samples) {
    const workflow = id as WorkflowId
    if (fleet.state.workflows.has(workflow)) continue
    const definition = definitionOf(json)
    if (isRefusal(definition)) throw new Error(`the sample workflow ${id} is not valid: ${definition.message}`)
    const { metadata } = JSON.parse(json) as { metadata: { name: string; description?: string; tags?: string[] } }
    throwIfRefused(
      await fleet.request((reply) => ({
        type: 'workflow.saved',
        reply,
        workflow,
        mode: 'create',
        by: SYSTEM,
        name: metadata.name,
        description: metadata.description ?? '',
        tags: metadata.tags ?? [],
        max_concurrent: null,
        definition,
      })),
    )
    throwIfRefused(await fleet.request((reply) => ({ type: 'workflow.published', reply, workflow })))
  }
}

/** Makes a webhook trigger for a sample, if there is none. Returns its secret when it was made: it is shown once. */
export async function createWebhook(fleet: Fleet, id: string, name: string): Promise<string | null> {
  if (fleet.state.triggers.has(id as TriggerId)) return null
  const answer = await fleet.request((reply) => ({
    type: 'trigger.saved',
    reply,
    trigger: id as TriggerId,
    revision: null,
    by: SYSTEM,
    settings: { ...TRIGGER_DEFAULTS, name, trigger_type: 'webhook', workflow_id: id as WorkflowId },
    credential: givenCredential({ auth: 'secret' }),
  }))
  throwIfRefused(answer)
  return answer.type === 'saved_trigger' ? answer.shown?.reveal() ?? null : null
}

/**
 * Makes a key and returns it; with a `secret`, that is the key. One with an id that exists takes its place: the former
 * key is worth nothing then.
 */
export async function createKey(
  fleet: Fleet,
  name: string,
  scopes: readonly Scope[],
  { id, robot = null, secret = newKey() }: {
    readonly id?: string
    readonly robot?: string | null
    readonly secret?: string
  } = {},
): Promise<string> {
  throwIfRefused(
    await fleet.request((reply) => ({
      type: 'key.created',
      reply,
      key: (id ?? fleet.platform.rowId()) as KeyId,
      name,
      secret: hashOf(secret),
      scopes,
      robot: robot as RobotId | null,
    })),
  )
  return secret
}

function throwIfRefused(answer: Reply): void {
  if (answer.type === 'refusal') throw new Error(answer.refusal.message)
}
