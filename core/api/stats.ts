import { DispatcherStats, QueueStats } from '../records/stats.ts'
import { PATHS } from './paths.ts'
import { contract } from './route.ts'

/** `/api/v1/stats`: counts of what is under way. */
export const stats = contract(PATHS.stats, {
  queue: { scope: 'jobs:read', summary: 'counts of jobs that have not ended', answer: QueueStats },
  dispatcher: { scope: 'jobs:read', summary: 'counts of robots and their slots, by pool too', answer: DispatcherStats },
})
