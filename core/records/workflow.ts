import type { DefinitionHash, Millis, WorkflowId } from '../base/ids.ts'
import { count, id, list, oneOf, text } from './fields.ts'
import { column, computed, hidden, instant, key, keyed, record, type RowOf } from './record.ts'

export const WORKFLOW_STATUSES = ['draft', 'published', 'archived'] as const

export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number]

/** A workflow: its newest version, and the one that is published. Versions themselves never change. */
export const Workflow = record('workflows', {
  id: key(id<WorkflowId>()),
  name: column('text', text),
  description: column('text', text),
  version: column('int', count),
  /** The version that jobs run; null before the first publication. */
  published_version: column('int?', count),
  status: column('text', oneOf(WORKFLOW_STATUSES)),
  /** The number of its jobs that may be queued or running at a time; null: no limit. */
  max_concurrent: column('int?', count),
  created_by: column('text', text),
  created_at: instant('int'),
  updated_at: instant('int'),
  tags: column('json', list(text)),
  execution_count: column('int', count),
  success_count: column('int', count),

  definition: hidden<DefinitionHash, 'text'>('text'),
  published_definition: hidden<DefinitionHash, 'text?'>('text?'),
  /** Of those that were completed. */
  total_duration_ms: hidden<Millis, 'int'>('int'),
}, {
  /** Of the jobs that were completed. */
  avg_duration_ms: computed(count, averageDuration),
})
export interface WorkflowRow extends RowOf<typeof Workflow> {}

/** One version of a workflow: immutable. */
export const WorkflowVersion = record('workflow_versions', {
  workflow_id: keyed(hidden<WorkflowId, 'text'>('text')),
  version: keyed(column('int', count)),
  definition: hidden<DefinitionHash, 'text'>('text'),
  created_by: column('text', text),
  created_at: instant('int'),
}, {
  /** Of the definition. */
  hash: computed(text, ({ definition }: { readonly definition: DefinitionHash }): string => definition),
})
export interface VersionRow extends RowOf<typeof WorkflowVersion> {}

/** The text of a workflow, kept once however many jobs run it. Opaque: never parsed and written again. */
export const Definition = record('definitions', {
  hash: key(id<DefinitionHash>()),
  json: hidden<string, 'text'>('text'),
})
export interface DefinitionRow extends RowOf<typeof Definition> {}

interface Completed {
  readonly success_count: number
  readonly total_duration_ms: Millis
}

/** The mean duration of its completed jobs; 0 if there are none. */
export function averageDuration({ success_count, total_duration_ms }: Completed): Millis {
  return success_count === 0 ? 0 : Math.round(total_duration_ms / success_count)
}
