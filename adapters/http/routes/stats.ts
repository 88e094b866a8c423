import { stats } from '../../../core/api/stats.ts'
import { dispatcherStats, queueStats } from '../../../core/explain/stats.ts'
import { handlers } from '../kit/serve.ts'

export const statsHandlers = handlers(stats, {
  queue: ({ fleet }) => queueStats(fleet.state),
  dispatcher: ({ fleet }) => dispatcherStats(fleet.state),
})
