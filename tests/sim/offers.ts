import type { JobId, RobotId } from '../../core/ids.ts'
import type { HistoryRow, JobRow } from '../../core/job.ts'
import type { Message } from '../../core/protocol/message.ts'
import { COMMITS_BEHIND, type Ledger } from './ledger.ts'
import { demand, type Rule, type Seen } from './rule.ts'

/** What must hold of every offer that a commit made: the rules I11, I14, I15 and I17. */

type Shape = Message<'register'>['payload']

interface Offer {
  readonly entry: HistoryRow
  readonly robot: NonNullable<HistoryRow['robot_id']>
  readonly job: JobRow
  readonly earlier: readonly HistoryRow[]
  readonly shapes: readonly Shape[]
}

const CLOSED: ReadonlySet<string> = new Set(['paused', 'maintenance', 'error'])

function offersOf({ ledger, change }: Seen): Offer[] {
  return change.history.flatMap((entry) => {
    const job = ledger.jobs.get(entry.job_id)
    if (entry.event !== 'offer' || job === undefined) return []
    const robot = entry.robot_id
    demand(robot !== null, 'I9', () => `job ${job.id} was offered to nobody`)
    const entries = ledger.histories.get(job.id) ?? []
    return [{ entry, robot, job, earlier: entries.slice(0, entries.indexOf(entry)), shapes: ledger.shapesOf(robot) }]
  })
}

/** I11: an attempt is a number that only grows. */
const attemptsGrow: Rule = (seen) => {
  for (const { entry, job, earlier } of offersOf(seen)) {
    const former = earlier.findLast(({ event }) => event === 'offer')?.attempt ?? 0
    demand(entry.attempt > former, 'I11', () => `job ${job.id} was offered as attempt ${entry.attempt} after ${former}`)
  }
}

/** I14: a robot is offered no more than it has slots for, and nothing while it says that it takes nothing. */
const capacityHolds: Rule = (seen) => {
  const { ledger } = seen
  for (const { robot, job, shapes } of offersOf(seen)) {
    const held = ledger.heldBy(robot).length
    const slots = Math.max(...shapes.map((shape) => shape.max_concurrent_jobs))
    demand(
      held <= slots,
      'I14',
      () => `${robot} has ${slots} slots and holds ${held} jobs after the offer of ${job.id}`,
    )
    const heard = ledger.heard.get(robot)
    demand(heard !== undefined, 'I14', () => `${robot} was never heard of and was offered job ${job.id}`)
    const closed = CLOSED.has(heard.status) && heard.statusCommit <= ledger.commits - COMMITS_BEHIND
    demand(!closed, 'I14', () => `${robot} says that it is ${heard.status} and was offered job ${job.id}`)
  }
}

/** I15: a job is offered only to a robot that it may go to, and not before its time. */
const eligible: Rule = (seen) => {
  for (const { entry, robot, job, shapes } of offersOf(seen)) {
    const pinned = job.pinned_robot_id
    demand(pinned === null || pinned === robot, 'I15', () => `job ${job.id} is for ${pinned} and went to ${robot}`)
    demand(
      shapes.some((shape) => suits(job, shape)),
      'I15',
      () => `${robot} lacks what job ${job.id} needs: ${needs(job)}; it has ${JSON.stringify(shapes[0])}`,
    )
    demand(
      job.scheduled_time === null || job.scheduled_time <= entry.at,
      'I15',
      () => `job ${job.id} was offered before its time`,
    )
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

/** I17: what may have been done is not done again, unless the job says that it may be. */
const noBlindRerun: Rule = (seen) => {
  for (const { job, earlier } of offersOf(seen)) {
    if (job.retry_safety === 'always') continue
    const accepted = earlier.some(({ event }) => event === 'accept')
    demand(
      !accepted,
      'I17',
      () => `job ${job.id} was accepted once and is offered again, though it is ${job.retry_safety}`,
    )
    if (job.retry_safety !== 'never') continue
    const offers = earlier.filter(({ event }) => event === 'offer').length
    const refusals = earlier.filter(({ event, detail }) =>
      event === 'back_off' && detail.startsWith('refused by')
    ).length
    demand(offers === refusals, 'I17', () => `job ${job.id} may have been started, is offered again, and says never`)
  }
}

/** I17: a job is given up at the word of its robot only if the robot really is not at it. */
const lossIsReal: Rule = ({ ledger, change }) => {
  for (const { job_id, robot_id, attempt, detail } of change.history) {
    if (robot_id === null || !detail.endsWith('says that it is not running it')) continue
    const runs = ledger.runs(robot_id, job_id, attempt)
    demand(!runs, 'I17', () => `${robot_id} runs attempt ${attempt} of job ${job_id}, which is given up as lost`)
  }
}

/** I12b: a robot is not asked for a job of which it runs an earlier attempt, once it could have said so. */
const notTwiceToOneRobot: Rule = (seen) => {
  const { ledger } = seen
  for (const { entry, robot, job, earlier } of offersOf(seen)) {
    const running = earlier.find(({ event, robot_id, attempt }) =>
      event === 'offer' && robot_id === robot && ledger.runs(robot, job.id, attempt)
    )
    demand(
      running === undefined,
      'I12b',
      () =>
        `job ${job.id} is offered to ${robot} as attempt ${entry.attempt} while it still runs attempt ${running?.attempt}`,
    )
  }
}

export const OFFERS: readonly Rule[] = [attemptsGrow, capacityHolds, eligible, noBlindRerun, lossIsReal]

/**
 * What the program does not keep yet. A robot that let an offer pass is barred from the job, because it may be running
 * it; but the bar is lifted by a report that it wrote before it read the offer, and forgotten when it registers anew.
 */
export const OPEN: readonly Rule[] = [notTwiceToOneRobot]

/**
 * What follows from that, and goes with `OPEN`: a robot that echoes no attempt, and is asked twice for one job, is
 * taken to speak of the second when it speaks of the first. For one that does echo, this holds of its list of jobs.
 */
export function isConfused(ledger: Ledger, robot: RobotId, job: JobId, detail = ''): boolean {
  if (!ledger.anonymous.has(robot) && !detail.startsWith('adopted')) return false
  const offers = ledger.histories.get(job)?.filter(({ event, robot_id }) => event === 'offer' && robot_id === robot)
  return offers !== undefined && offers.length > 1
}
