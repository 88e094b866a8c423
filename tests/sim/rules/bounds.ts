import { dispatcherStats, queueStats } from '../../../core/explain/stats.ts'
import type { JobRow } from '../../../core/records/job.ts'
import { TURN_EVENTS_MAX } from '../../../core/settings.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { LOG_CHARS_MAX } from '../../../core/protocol/bounds.ts'
import type { Truth } from '../truth/truth.ts'
import type { Rule } from './rule.ts'
import type { Prefetch } from '../../../core/prefetch.ts'
import { demand } from '../violation.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/** Bounds and orders: the rules I16, I18, I36 to I40. */

/** I16: a lease is renewed by a frame on the present connection and by nothing else, and by the server's clock. */
const leasesAreOurs: Rule = ({ truth, state, change }) => {
  for (const { robot, socket, lastFrameAt } of state?.sessions.values() ?? []) {
    const former = truth.leases.get(socket)
    const frames = truth.frames.get(socket) ?? 0
    demand(lastFrameAt <= change.at, 'I16', () => `${robot} was heard ${lastFrameAt - change.at} ms from now`)
    const at = truth.time.of(lastFrameAt)
    if (former !== undefined && former.heardAt !== at) {
      demand(at > former.heardAt, 'I16', () => `the lease of ${robot} went back in time`)
      demand(frames > former.renewals, 'I16', () => `the lease of ${robot} was renewed though it said nothing`)
      truth.leases.set(socket, { heardAt: at, renewals: former.renewals + 1 })
    } else if (former === undefined) truth.leases.set(socket, { heardAt: at, renewals: 0 })
  }
}

/** I18: a robot is listened to on one connection at most. */
const oneConnectionEach: Rule = ({ state }) => {
  for (const { id, robot, closing } of state?.sockets.values() ?? []) {
    if (robot === null || closing) continue
    const current = state?.sessions.get(robot)?.socket
    demand(current === id, 'I18', () => `${robot} is heard on ${id}, and its connection is ${current}`)
  }
}

/** I32, I36: each line of a log is kept once, however often its message comes, in the order in which its robot wrote it, and not longer than it may be. */
const logsAreInOrder: Rule = ({ truth, change }) => {
  for (const { job_id, robot_id, message } of change.logs) {
    // Ours, about lines that are not there, and about messages in which something was wrong.
    if (/^\d+ lines? dropped by the rate limit$|^job_\w+: \w+ was /.test(message)) continue
    const number = Number(/^line (\d+)/.exec(message)?.[1])
    demand(
      message.length <= LOG_CHARS_MAX + 100,
      'I36',
      () => `a line of job ${job_id} has ${message.length} characters`,
    )
    const key = `${robot_id} ${job_id}`
    const former = truth.lines.get(key) ?? 0
    demand(number > former, 'I36', () => `line ${number} of ${robot_id} about ${job_id} came after line ${former}`)
    truth.lines.set(key, number)
  }
}

/** I37: what is in memory is what lives, and never grows with what has been. */
const memoryIsBounded: Rule = ({ truth, state, change, whole }) => {
  if (state === null || !whole) return
  const {
    jobs,
    sessions,
    sockets,
    robots,
    workflows,
    matching,
    concurrency,
    definitions,
    timers,
    schedules,
    runs,
    triggers,
    deliveries,
  } = state
  const queues = deliveries.queues.size + deliveries.requestsInFlight + 1
  const horizon = change.elapsed - 2 * truth.settings.backoffMsMax
  let bars = 0
  for (const at of truth.refusals) if (at >= horizon) bars++
  const bounds: readonly (readonly [string, number, number])[] = [
    ['definitions', definitions.size, jobs.size + 2 * workflows.size],
    ['sessions', sessions.size, sockets.size],
    ['kinds', matching.groups.size, sessions.size],
    ['classes', matching.classes.size, jobs.size],
    ['abilities', matching.abilityGroups.size, robots.size],
    ['robots with abilities', matching.abilityGroupOf.size, robots.size],
    ['named workflows', matching.namedWorkflows.size, robots.size],
    ['gates', concurrency.byKey.size, 4 * jobs.size],
    ['runs', runs.size, jobs.size],
    [
      'timers',
      timers.size,
      2 + jobs.size + schedules.size + 4 * robots.size + sockets.size + bars + queues + triggers.size,
    ],
    ['robots with slots held', state.held.size, jobs.size],
    ['families', state.families.size, jobs.size],
    ['meters', state.limiters.robots.size, robots.size],
  ]
  for (const [what, count, most] of bounds) {
    demand(count <= most, 'I37', () => `${count} ${what} are in memory, and there is reason for ${most}`)
  }
}

/** I38: a job that nobody takes is offered again only after its back-off, and each time after a longer one. */
const offersBackOff: Rule = ({ truth, state, change }) => {
  const { time } = truth
  for (const entry of change.history) {
    const refused = entry.event === 'back_off' && entry.detail.startsWith('refused by')
    if (refused) truth.refusals.push(time.ofEntry(entry))
  }
  while ((truth.refusals[0] ?? Infinity) < change.elapsed - 3_600_000) truth.refusals.shift()
  if (state === null) return
  const { backoffMs, backoffMsMax } = truth.settings
  for (const entry of change.history) {
    const job = entry.event === 'offer' ? truth.jobs.get(entry.job_id) : undefined
    if (job === undefined || job.refusals === 0 || job.offer !== entry.offer) continue
    const unclaimed = unclaimedBefore(truth, job, entry)
    const last = unclaimed.at(-1)
    // An offer that was lost with its connection counts for nothing, and looks the same in the history.
    if (unclaimed.length !== job.refusals) continue
    const wait = Math.min(backoffMs * 2 ** (job.refusals - 1), backoffMsMax) * 0.75
    const waited = time.ofEntry(entry) - (last === undefined ? 0 : time.ofEntry(last))
    demand(waited >= wait - 1, 'I38', () => `job ${job.id} was offered ${waited} ms after refusal ${job.refusals}`)
  }
}

function unclaimedBefore({ histories }: Truth, job: JobRow, offer: HistoryRow): readonly HistoryRow[] {
  const entries = histories.get(job.id) ?? []
  const earlier = entries.slice(0, entries.indexOf(offer))
  return earlier.slice(earlier.findLastIndex(({ event }) => event === 'accept') + 1).filter(({ event, detail }) =>
    event === 'back_off' && (detail.startsWith('refused by') || detail.endsWith('did not answer the offer'))
  )
}

/** I40: a turn writes what its events and deadlines are about, and what lives; never what has been. */
const turnsAreBounded: Rule = ({ truth, change }) => {
  const events = truth.events - truth.eventsSeen
  truth.eventsSeen = truth.events
  const past = change.jobs.filter(({ before }) => before !== undefined && before.completed_at !== null)
    .filter(({ before }) => before?.stop_until === null)
  const most = events + COMMIT_BEHIND_EVENTS
  demand(past.length <= most, 'I40', () => `${past.length} ended jobs were written in a turn of ${events} events`)
  const lines = change.history.length
  const reason = 8 * (change.jobs.length + events) + COMMIT_BEHIND_EVENTS
  demand(lines <= reason, 'I40', () => `${lines} entries of history for ${change.jobs.length} jobs, ${events} events`)
}

/** I40: a turn reads a row or two for each of its events, and the jobs whose time draws near; never what has been. */
export function readsAreBounded(need: Prefetch): Prefetch {
  const { jobs, duplicates, idempotency, pages, deliveries, interactions } = need
  const asked = jobs.length + duplicates.length + idempotency.length + pages.length + deliveries.length +
    interactions.length
  demand(asked <= 2 * TURN_EVENTS_MAX, 'I40', () => `${asked} rows were asked for in one turn`)
  return need
}

/** Events that came in before the turn that is judged had begun. */
const COMMIT_BEHIND_EVENTS = 200

/** I39: the counts that people are shown are what a recount of the rows says. */
const statsAreARecount: Rule = ({ truth, state, all }) => {
  if (state === null || !all) return
  const shown = queueStats(state)
  const near = truth.liveJobs().filter(({ ready_at }) => ready_at === null || ready_at <= state.horizonAt)
  for (const status of ['pending', 'queued', 'running'] as const) {
    const count = near.filter((job) => job.status === status).length
    demand(count === shown[status], 'I39', () => `${shown[status]} jobs are shown as ${status}; ${count} are`)
  }
  const held = new Set<JobId>()
  for (const id of truth.robots.keys()) for (const job of truth.heldBy(id)) held.add(job.id)
  const { current_load, total_robots } = dispatcherStats(state)
  demand(current_load === held.size, 'I39', () => `the load is shown as ${current_load} and is ${held.size}`)
  demand(total_robots === truth.robots.size, 'I39', () => `${total_robots} robots are shown`)
}

export const BOUND_RULES: readonly Rule[] = [
  leasesAreOurs,
  oneConnectionEach,
  logsAreInOrder,
  offersBackOff,
  memoryIsBounded,
  turnsAreBounded,
  statsAreARecount,
]
