import * as v from 'valibot'
import type { WorkflowId } from '../base/ids.ts'
import { parseInstant } from '../base/instant.ts'
import { TAGS_MAX } from '../protocol/message.ts'
import { moment } from '../protocol/moment.ts'
import { writtenObject } from '../protocol/written.ts'

/** Fields that several bodies of requests have, as their schema reads them. */

export const nameField = v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(200))
export const textField = v.pipe(v.string(), v.maxLength(10_000))
/** An id that the caller chooses: it stands in URLs and in `curl` lines. */
export const ownIdField = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be 1 to 128 letters, digits, dots, hyphens or underscores'),
)
export const workflowIdField = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(256),
  v.transform((id) => id as WorkflowId),
)
export const namesField = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(100))),
  v.maxLength(TAGS_MAX),
)
export const environmentField = v.pipe(v.string(), v.maxLength(100))
/** A workflow definition, as text or as JSON. */
export const definitionField = v.union([v.string(), writtenObject], 'must be a JSON object, or its text')
/** 0 to 3, or the name. */
export const priorityField = v.union([
  v.picklist([0, 1, 2, 3]),
  v.pipe(
    v.picklist(['low', 'normal', 'high', 'critical'], 'must be 0 to 3, or low, normal, high or critical'),
    v.transform((word) => ({ low: 0, normal: 1, high: 2, critical: 3 } as const)[word]),
  ),
], 'must be 0 to 3, or low, normal, high or critical')
export const instantField = v.pipe(moment, v.transform((given) => parseInstant(given) ?? NaN))
/** The number of jobs of a group that may run at a time; null: no limit. */
export const limitField = v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000)), null)

/** The form of an idempotency key. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/
export const idempotencyKeyField = v.pipe(
  v.string(),
  v.regex(IDEMPOTENCY_KEY, 'must be 1 to 255 visible ASCII characters'),
)
