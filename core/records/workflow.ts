import type { DefinitionHash, Millis, WorkflowId } from '../base/ids.ts'

export const WORKFLOW_STATUSES = ['draft', 'published', 'archived'] as const

export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number]

/** A workflow: its newest version, and the one that is published. Versions themselves never change. */
export interface WorkflowRow {
  readonly id: WorkflowId
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly status: WorkflowStatus
  readonly version: number
  readonly definition: DefinitionHash
  /** What jobs run; null before the first publication. */
  readonly published_version: number | null
  readonly published_definition: DefinitionHash | null
  /** How many of its jobs may be queued or running at a time; null: any number. */
  readonly max_concurrent: number | null
  readonly created_by: string
  readonly created_at: Millis
  readonly updated_at: Millis
  readonly execution_count: number
  readonly success_count: number
  /** Of those that were completed. */
  readonly total_duration_ms: number
}

/** One version of a workflow: immutable. */
export interface VersionRow {
  readonly workflow_id: WorkflowId
  readonly version: number
  readonly definition: DefinitionHash
  readonly created_by: string
  readonly created_at: Millis
}

/** The text of a workflow, kept once however many jobs run it. Opaque: never parsed and written again. */
export interface DefinitionRow {
  readonly hash: DefinitionHash
  readonly json: string
}
