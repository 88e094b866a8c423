import { calls } from './calls.ts'
import { fleets } from './fleets.ts'
import { jobs } from './jobs.ts'
import { keys } from './keys.ts'
import { health } from './health.ts'
import { pools } from './pools.ts'
import { stats } from './stats.ts'
import { robots } from './robots.ts'
import { schedules } from './schedules.ts'
import { workflows } from './workflows.ts'
import { triggers } from './triggers.ts'
import { webhooks } from './webhooks.ts'

/** The HTTP API as data: every route under `/api/v1` and the health check, by what it is about. Server, client, docs and OpenAPI are made of it. */
export const API = {
  jobs,
  pools,
  robots,
  schedules,
  workflows,
  triggers,
  webhooks,
  keys,
  calls,
  fleets,
  stats,
  health,
} as const
