import { Pool } from '../records/pool.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { NewPool } from './request.ts'
import { contract, pageOf } from './route.ts'

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
