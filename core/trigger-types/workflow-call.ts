import * as v from 'valibot'
import type { WorkflowId } from '../base/ids.ts'
import { callTopic, endTopic } from './topic.ts'
import { type Reference, triggerType } from './trigger-type.ts'

const workflowIds = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(256), v.transform((id) => id as WorkflowId))),
  v.maxLength(100),
)

const WorkflowCallConfig = v.pipe(
  v.strictObject({
    call_alias: v.nullish(
      v.pipe(v.string(), v.regex(/^[A-Za-z_]\w{0,99}$/, 'must be letters, digits and underscores, no digit first')),
      null,
    ),
    /** Parameters that a caller must give. */
    required: v.optional(v.pipe(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(200))), v.maxLength(100)), []),
    /** The workflows whose jobs may call; empty: all, and callers that are not jobs. */
    allowed_callers: v.optional(workflowIds, []),
    after: v.nullish(
      v.strictObject({
        workflows: v.pipe(workflowIds, v.minLength(1, 'must name a workflow')),
        statuses: v.optional(
          v.pipe(v.array(v.picklist(['completed', 'failed', 'cancelled', 'timeout'])), v.minLength(1)),
          ['completed'],
        ),
      }),
      null,
    ),
  }),
  v.check(({ call_alias, after }) => call_alias !== null || after !== null, 'needs a call_alias, or after'),
)
type WorkflowCallConfig = v.InferOutput<typeof WorkflowCallConfig>

/** Jobs and programs call it by its alias, or jobs start it by their end, or both. */
export const workflowCall = triggerType({
  name: 'workflow_call',
  config: WorkflowCallConfig,
  credential: 'none',
  path: null,
  rateLimited: false,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references,
  subscribes({ call_alias, after }) {
    const ends = after?.statuses.flatMap((status) => after.workflows.map((id) => endTopic(status, id))) ?? []
    return call_alias === null ? ends : [callTopic(call_alias), ...ends]
  },
  screen: () => null,
})

function references({ call_alias, after, allowed_callers }: WorkflowCallConfig): readonly Reference[] {
  const named = (field: string, ids: readonly WorkflowId[]): readonly Reference[] =>
    ids.map((id) => ({ record: 'workflow', id, field }))
  return [
    ...call_alias === null ? [] : [{ record: 'alias', alias: call_alias, field: 'config.call_alias' } as const],
    ...named('config.after.workflows', after?.workflows ?? []),
    ...named('config.allowed_callers', allowed_callers),
  ]
}
