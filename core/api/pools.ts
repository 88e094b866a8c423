import * as v from 'valibot'
import { Pool } from '../records/pool.ts'
import type { ViewOf } from '../records/record.ts'
import { limitField, nameField, namesField, workflowIdField } from './fields.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { contract, pageOf } from './route.ts'

export const NewPool = v.strictObject({
  name: nameField,
  tags: namesField,
  max_concurrent: limitField,
  workflows: v.optional(v.pipe(v.array(workflowIdField), v.maxLength(1_000)), []),
})

/** A pool. */
export type PoolView = ViewOf<typeof Pool>

/** `/api/v1/pools`: robots under a name, by their tags. */
export const pools = contract(PATHS.pools, {
  create: {
    scope: 'admin',
    summary: '`{name, tags, max_concurrent?, workflows?}`: robots with these tags',
    body: NewPool,
    answer: Pool.view,
    status: 201,
  },
  list: { scope: 'jobs:read', summary: 'every pool', query: PageQuery, answer: pageOf(Pool.view) },
})
