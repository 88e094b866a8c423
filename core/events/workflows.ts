import type { ReplyId, WorkflowId } from '../base/ids.ts'
import type { DefinitionRow } from '../records/workflow.ts'

export interface WorkflowSaved {
  readonly type: 'workflow.saved'
  readonly reply: ReplyId
  readonly workflow: WorkflowId
  /** `create`: the id must be new. `update`: it must exist. */
  readonly mode: 'create' | 'update'
  readonly by: string
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly max_concurrent: number | null
  readonly definition: DefinitionRow
}
