import type { JobRow } from '../../../core/records/job.ts'
import type { Message } from '../../../core/protocol/message.ts'
import { holdsSlot } from '../truth/truth.ts'
import type { Rule, RuleInput } from './rule.ts'
import { demand } from '../violation.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/** Rules about every offer that a commit has made: I11, I14, I15 and I17. */

type Shape = Message<'register'>['payload']

interface Offer {
  readonly entry: HistoryRow
  readonly robot: NonNullable<HistoryRow['robot_id']>
  readonly job: JobRow
  readonly earlier: readonly HistoryRow[]
  readonly shapes: readonly Shape[]
}

const CLOSED: ReadonlySet<string> = new Set(['paused', 'maintenance', 'error', 'offline'])

const known = new WeakMap<RuleInput, readonly Offer[]>()

function offersOf(input: RuleInput): readonly Offer[] {
  if (input.change.history.length === 0) return []
  let offers = known.get(input)
  if (offers === undefined) known.set(input, offers = findOffers(input))
  return offers
}

function findOffers({ truth, change }: RuleInput): Offer[] {
  return change.history.flatMap((entry) => {
    const job = truth.jobs.get(entry.job_id)
    if (entry.event !== 'offer' || job === undefined) return []
    const robot = entry.robot_id
    demand(robot !== null, 'I9', () => `job ${job.id} was offered to nobody`)
    const entries = truth.histories.get(job.id) ?? []
    return [{ entry, robot, job, earlier: entries.slice(0, entries.indexOf(entry)), shapes: truth.shapesOf(robot) }]
  })
}

/** I11: the number of the offer only grows. */
const offersGrow: Rule = (input) => {
  for (const { entry, job, earlier } of offersOf(input)) {
    const former = earlier.findLast(({ event }) => event === 'offer')?.offer ?? 0
    demand(entry.offer > former, 'I11', () => `job ${job.id} was made the offer ${entry.offer} after ${former}`)
  }
}

/** I14: a robot gets no more offers than it has slots, and none while it reports to take none. */
const capacityHolds: Rule = (input) => {
  const { truth } = input
  for (const { entry, robot, job, shapes } of offersOf(input)) {
    const held = truth.heldBy(robot).length - takenLater(input, robot, entry)
    const had = shapes.map((shape) => shape.max_concurrent_jobs)
    const slots = Math.max(...had)
    const other = truth.reports.elsewhere(robot, Math.min(...had), truth.commits)
    demand(
      held + other <= slots,
      'I14',
      () => `${robot} has ${slots} slots, and holds ${held} jobs and ${other} others after the offer of ${job.id}`,
    )
    const received = truth.received.get(robot)
    demand(received !== undefined, 'I14', () => `${robot} was never heard of and was offered job ${job.id}`)
    const closed = CLOSED.has(received.status) && received.statusCommit <= truth.commits - truth.commitsBehind
    demand(!closed, 'I14', () => `${robot} says that it is ${received.status} and was offered job ${job.id}`)
  }
}

/**
 * The number of jobs that the robot accepted late or has to stop after that offer in the same turn, though their own
 * offer to it had expired (P42).
 */
function takenLater({ change }: RuleInput, robot: HistoryRow['robot_id'], offer: HistoryRow): number {
  return change.jobs.filter(({ before, after }) =>
    before !== undefined && before.offered_at !== null && before.offer_until === null && after.robot_id === robot &&
    holdsSlot(after) && after.status !== 'queued' &&
    change.history.some(({ job_id, seq, from_status, to_status }) =>
      job_id === after.id && seq > offer.seq && from_status !== to_status && to_status === after.status
    )
  ).length
}

/** I15: a job is offered only to a robot that it may go to, and not before its time. */
const eligible: Rule = (input) => {
  for (const { entry, robot, job, shapes } of offersOf(input)) {
    const pinned = job.pinned_robot_id
    demand(pinned === null || pinned === robot, 'I15', () => `job ${job.id} is for ${pinned} and went to ${robot}`)
    demand(
      shapes.some((shape) => suits(job, shape)),
      'I15',
      () => `${robot} lacks what job ${job.id} needs: ${needs(job)}; it has ${JSON.stringify(shapes[0])}`,
    )
    // If the clock was set back since, its time has come nevertheless.
    const hasCome = job.scheduled_time === null || job.scheduled_time <= entry.at ||
      input.truth.time.scheduledTimeReached.has(job.id)
    demand(hasCome, 'I15', () => `job ${job.id} was offered before its time`)
  }
}

function suits(job: JobRow, { environment, tags, capabilities }: Shape): boolean {
  if (job.environment !== '' && environment !== 'default' && environment !== job.environment) return false
  return job.required_tags.every((tag) => tags.includes(tag)) &&
    job.required_capabilities.every((name) => Boolean(capabilities[name]))
}

function needs(job: JobRow): string {
  return JSON.stringify([job.environment, job.required_tags, job.required_capabilities])
}

/** I17: what may have been done is not done again, unless the job or its robot says that it may be. */
const noBlindRerun: Rule = (input) => {
  const lostTries = input.truth.settings.lostTriesMax
  for (const { job, earlier } of offersOf(input)) {
    const accepted = earlier.filter(({ event }) => event === 'accept').length
    const failed = earlier.filter(({ event, detail }) => event === 'back_off' && detail.startsWith('failed on')).length
    const tries = job.retry_safety === 'always' ? Math.max(job.max_attempts, lostTries) : job.max_attempts
    demand(accepted < tries, 'I17', () => `job ${job.id} was started ${accepted} times and is offered again`)
    if (job.retry_safety === 'always') continue
    demand(
      accepted === failed,
      'I17',
      () => `job ${job.id} was accepted once and is offered again, though it is ${job.retry_safety}`,
    )
    if (job.retry_safety !== 'never') continue
    const offers = earlier.filter(({ event }) => event === 'offer').length
    const refusals = earlier.filter(({ event, detail }) =>
      event === 'back_off' && (detail.startsWith('refused by') || detail.endsWith('has never read the offer'))
    ).length
    const count = refusals + failed
    demand(offers === count, 'I17', () =>
      `job ${job.id} may have been started, is offered again, and says never`)
  }
}

/** I17: a job that failed for a while is a dead letter when it has no attempts left, and no other job is. */
const deadLettersAreListed: Rule = ({ truth, change }) => {
  for (const { event, detail, robot_id, job_id, offer } of change.history) {
    if (event !== 'back_off' || robot_id === null || !detail.startsWith('failed on')) continue
    const { errorType } = truth.execution(robot_id, job_id, offer)
    const transient = truth.jobs.get(job_id)?.retry_on.includes(errorType) === true || errorType === 'ConnectionError'
    demand(transient, 'I17', () => `job ${job_id} is tried again after ${errorType}, which is not transient`)
  }
  for (const { before, after: job } of change.jobs) {
    if (job.status !== 'failed' || before?.status === 'failed') continue
    const listed = job.retry_on.length > 0
      ? job.retry_on.includes(job.error_type)
      : job.error_type === 'ConnectionError'
    const dead = job.error_type === 'ROBOT_LOST' || (listed && job.max_attempts > 1)
    demand(job.dead_lettered === dead, 'I17', () => `${job.id} failed and ${dead ? 'should be' : 'is'} a dead letter`)
    const spent = !listed || job.attempt >= job.max_attempts
    demand(spent, 'I17', () => `${job.id} failed after ${job.attempt} of ${job.max_attempts} attempts`)
  }
}

/** I14: the slot of a job that was ended for its robot is held until the robot has stopped, and not freed before. */
const stoppedIsReal: Rule = ({ truth, change }) => {
  for (const { before, after } of change.jobs) {
    const ended = before !== undefined && holdsSlot(before) && before.stop_until === null && after.completed_at !== null
    if (!ended || after.offer !== before.offer) continue
    const entries = change.history.filter(({ job_id }) => job_id === after.id)
    const called = entries.some(({ event, actor }) => event === 'cancel' && !actor.startsWith('robot:'))
    const freed = entries.some(({ event }) => event === 'stopped' || event === 'back_off' || event === 'requeue')
    const kept = !called || freed || after.stop_until !== null
    demand(kept, 'I14', () => `job ${after.id} was called off while ${after.robot_id} works on it; its slot is free`)
  }
  for (const entry of change.history) {
    const { event, job_id, robot_id, offer, detail } = entry
    if (event !== 'stopped' || robot_id === null) continue
    const end = truth.histories.get(job_id)?.findLast(({ from_status, to_status }) => from_status !== to_status)
    const waited = truth.time.ofEntry(entry) - (end === undefined ? 0 : truth.time.ofEntry(end))
    const patient = detail.includes('did not say in time') && waited >= truth.settings.graceMs
    const works = truth.runs(robot_id, job_id, offer)
    demand(patient || !works, 'I14', () => `${robot_id} still works on job ${job_id}, and its slot is free: ${detail}`)
  }
}

/** I17: a job is given up because of its robot's report only if the robot really is not running it. */
const lossIsReal: Rule = ({ truth, change }) => {
  for (const { job_id, robot_id, offer, detail } of change.history) {
    if (robot_id === null || !detail.endsWith('says that it is not running it')) continue
    const runs = truth.runs(robot_id, job_id, offer)
    demand(!runs, 'I17', () => `${robot_id} runs offer ${offer} of job ${job_id}, which is given up as lost`)
  }
}

/** I12b: a robot is not offered a job of which it is running an earlier offer, once it could have reported that. */
const notTwiceToOneRobot: Rule = (input) => {
  const { truth } = input
  for (const { entry, robot, job, earlier } of offersOf(input)) {
    const running = earlier.find(({ event, robot_id, offer }) =>
      event === 'offer' && robot_id === robot && truth.runs(robot, job.id, offer)
    )
    demand(
      running === undefined,
      'I12b',
      () => `job ${job.id} is offered to ${robot} as offer ${entry.offer} while it still runs offer ${running?.offer}`,
    )
  }
}

export const OFFER_RULES: readonly Rule[] = [
  offersGrow,
  capacityHolds,
  eligible,
  noBlindRerun,
  deadLettersAreListed,
  stoppedIsReal,
  lossIsReal,
  notTwiceToOneRobot,
]
