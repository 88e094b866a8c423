import { jobs } from './jobs.ts'
import { pools } from './pools.ts'
import { schedules } from './schedules.ts'

/** The HTTP API as data: every route under `/api/v1`, by what it is about. Server, client, docs and OpenAPI are made of it. */
export const API = { jobs, pools, schedules } as const
