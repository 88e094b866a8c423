import * as v from 'valibot'
import { WarningView } from '../records/explanation.ts'
import { list, text } from '../records/fields.ts'
import type { ViewOf } from '../records/record.ts'
import { Workflow, WorkflowVersion } from '../records/workflow.ts'
import { definitionField, limitField, nameField, namesField, ownIdField, textField } from './fields.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { contract, pageOf } from './route.ts'

export const NewWorkflow = v.strictObject({
  id: v.optional(ownIdField),
  name: nameField,
  description: v.optional(textField, ''),
  tags: v.optional(namesField, []),
  max_concurrent: limitField,
  /** The definition, as text or as JSON. */
  json_definition: definitionField,
})

/** A workflow in a list. */
export type WorkflowSummary = ViewOf<typeof Workflow>
export type VersionView = ViewOf<typeof WorkflowVersion>

/** One workflow, whole. */
const WorkflowDetailView = v.strictObject({
  ...Workflow.view.entries,
  /** Its newest definition, as text. */
  json_definition: text,
})
export type WorkflowDetail = Readonly<v.InferOutput<typeof WorkflowDetailView>>

/** A workflow that has just been published. */
const PublishedView = v.strictObject({
  ...Workflow.view.entries,
  /** That no robot on record says that it runs it. */
  warnings: list(WarningView),
})
export type PublishedWorkflow = Readonly<v.InferOutput<typeof PublishedView>>

/** `/api/v1/workflows`. */
export const workflows = contract(PATHS.workflows, {
  create: {
    scope: 'admin',
    summary: '`{name, json_definition, id?, description?, tags?, max_concurrent?}`: a draft',
    body: NewWorkflow,
    answer: WorkflowDetailView,
    status: 201,
    location: 'workflows',
  },
  update: {
    scope: 'admin',
    summary: 'a new version, if the definition differs',
    body: NewWorkflow,
    answer: WorkflowDetailView,
    location: 'workflows',
  },
  list: {
    scope: 'jobs:read',
    summary: 'every workflow, without its definition',
    query: PageQuery,
    answer: pageOf(Workflow.view),
  },
  get: {
    scope: 'jobs:read',
    summary: 'one workflow, with its newest definition',
    answer: WorkflowDetailView,
    tagged: true,
  },
  versions: {
    scope: 'jobs:read',
    summary: 'its versions, with the hash of the definition of each',
    query: PageQuery,
    answer: pageOf(WorkflowVersion.view),
  },
  publish: {
    scope: 'admin',
    summary: 'the newest version becomes what jobs run; with `warnings`: below',
    answer: PublishedView,
  },
})
