import { StaleEpoch } from '../../../adapters/store/contract.ts'
import { type Effects, writesNothing } from '../../../core/turn.ts'
import type { Receipt } from '../../../core/base/receipt.ts'
import type { JobId } from '../../../core/base/ids.ts'
import { isWaiting, type JobRow } from '../../../core/records/job.ts'
import type { Settings } from '../../../core/settings.ts'
import type { State } from '../../../core/state.ts'
import type { TriggerEventRow } from '../../../core/records/trigger.ts'
import type { Mark } from '../trace.ts'
import type { DeliveryRow } from '../../../core/records/webhook.ts'
import { checkCommit } from '../rules/rules.ts'
import type { Change } from '../truth/change.ts'
import type { Truth } from '../truth/truth.ts'
import { shiftWithClock } from '../rules/clock.ts'
import { rememberRobots } from '../rules/dispatch-order.ts'
import type { Rule } from '../rules/rule.ts'
import type { Faults } from './faults.ts'
import { clock, type World } from './world.ts'
import type { Life } from './life.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

const BACK_OFFS = [
  ['has never read the offer', 'offer proved not to have been read'],
  ['has read the offer and is not', 'offer proved not to have been taken'],
  ['refused by', 'offer refused'],
  ['failed on', 'retried after a transient error'],
] as const

/** Reasons for which a trigger did not fire. */
const SKIPPED: Readonly<Record<string, Mark>> = {
  filter: 'follower stopped by a filter',
  cooldown: 'follower stopped by a cooldown',
  CALL_TOO_DEEP: 'jobs followed each other too often',
}

/** The reason when a schedule cancels a job. */
const REPLACED = 'Cancelled by the next run of its schedule'

/** The parts of the run that a commit needs. */
export interface CommitOptions {
  readonly world: World
  readonly faults: Faults
  readonly truth: Truth
  readonly settings: Settings
  /** The rules checked after each commit. */
  readonly rules: readonly Rule[]
}

/** Brings the rows of turns to the disk, of any life of the server, and has them judged. */
export class Commits {
  readonly #options: CommitOptions
  /** Jobs whose time is so far off that they are not in memory. */
  readonly #far = new Set<JobId>()

  constructor(options: CommitOptions) {
    this.#options = options
  }

  /** A turn was stepped, and asks for its commit. To be called for every turn, whether it writes anything or not. */
  stepped(life: Life, { turn }: Effects): void {
    this.#options.truth.commits++
    life.stepped = turn
    if (life.state !== null) rememberRobots(life.state)
  }

  /** The rows reach the disk, and everything that must hold of them is checked. */
  write(life: Life, out: Effects): Receipt {
    const { truth, rules, world } = this.#options
    try {
      const receipt = life.store.commit(out)
      if (receipt instanceof Promise) throw new Error('the memory store answers at once')
      if (writesNothing(out)) return receipt
      if (out.clockChange !== null) shiftWithClock(truth, out.clockChange)
      const change = truth.committed(out)
      for (const { before, after } of change.jobs) {
        const short = () => `  ${after.id} is ${after.status}, offer ${after.offer}, ${after.robot_id}`
        world.note(short, JSON.stringify(after))
        this.#markJob(before, after)
      }
      for (const entry of change.history) this.#markEntry(entry)
      for (const { after } of change.webhooks.deliveries) this.#markDelivery(after)
      if (change.logs.some(({ message }) => message.endsWith('by the rate limit'))) world.mark('log lines refused')
      this.#markSchedules(change)
      for (const event of change.chains.events) this.#markTrigger(event)
      if (life.state !== null) this.#markState(life.state, change)
      const isAhead = out.turn !== life.stepped
      checkCommit(truth, change, {
        state: life.over || isAhead ? null : life.state,
        lives: !life.over,
        isSaid: life.writer.isCaughtUp,
      }, rules)
      return receipt
    } catch (error) {
      if (!(error instanceof StaleEpoch)) world.fail(error)
      throw error
    }
  }

  /** An abandoned commit lands nevertheless, unless a process has loaded since: the epoch prevents that. */
  writeLate(life: Life, out: Effects): void {
    try {
      this.write(life, out)
    } catch (error) {
      if (!(error instanceof StaleEpoch)) throw error
      this.#options.world.mark('late commit fenced')
    }
  }

  #markJob(before: JobRow | undefined, after: JobRow): void {
    const { world } = this.#options
    if (after.error_type === 'OUTCOME_UNKNOWN') world.mark('outcome unknown')
    if (after.error_type === 'TimeoutError') world.mark('job timed out')
    if (after.dead_lettered) world.mark('dead letter')
    if (after.error_message === REPLACED && after.status === 'cancelled') world.mark('job replaced by its schedule')
    if (before?.status === 'pending' && before.ready_at === null) world.mark('waited for room under a limit')
  }

  #markEntry({ job_id, event, detail, from_status, at }: HistoryRow): void {
    const { truth, world } = this.#options
    world.note(`  ${job_id} ${event}: ${detail}`)
    const job = truth.jobs.get(job_id)
    if (event === 'requeue') world.mark('requeue of an always job')
    if (event === 'late_result') world.mark(from_status === 'cancelled' ? 'late result after a cancel' : 'late result')
    if (event === 'back_off') world.mark(BACK_OFFS.find(([words]) => detail.includes(words))?.[1] ?? 'offer lapsed')
    if (event === 'unanswered') world.mark('offer waited for its robot')
    if (detail.startsWith('adopted')) world.mark('adopted job')
    if (event !== 'offer' || job === undefined || at - (job.queued_at ?? at) < this.#options.settings.agingMs) return
    const passed = truth.liveJobs().some((other) => isWaiting(other) && other.priority > job.priority)
    if (passed) world.mark('offered before its elders by age')
  }

  #markSchedules({ schedules, scheduleRuns }: Change): void {
    const { truth, world } = this.#options
    for (const { schedule_id, due_at, until, outcome, reason, job_id } of scheduleRuns) {
      world.note(`  ${schedule_id} due at ${clock(due_at ?? 0)}: ${outcome} ${reason} ${job_id}`)
      if (outcome === 'late') world.mark('due instant run late')
      if (outcome === 'merged') world.mark('due instants merged')
      if (reason === 'misfire') world.mark('due instant skipped for its age')
      if (reason === 'overlap') world.mark('due instant skipped for an overlap')
      if (reason === 'by hand') world.mark('schedule run by hand')
      if (due_at !== until) world.mark('stretch of due instants')
      const known = truth.schedules.get(schedule_id)?.row
      const row = schedules.get(schedule_id)
      if (row?.updated_at !== known?.updated_at && due_at !== null) world.mark('schedule changed while due')
    }
    for (const row of schedules.values()) if (row === undefined) world.mark('schedule deleted')
  }

  #markTrigger({ trigger_id, trigger_type, outcome, reason, job_id, metadata }: TriggerEventRow): void {
    const { world } = this.#options
    world.note(`  ${trigger_id} ${outcome} ${reason} ${job_id}`, metadata)
    if (trigger_type !== 'workflow_call' && trigger_type !== 'scheduled') return
    const follows = metadata.startsWith('{"source":"job"')
    if (outcome === 'skipped') world.mark(SKIPPED[reason] ?? 'job led to too many others')
    else if (trigger_type === 'scheduled') world.mark('trigger fired by a run of a schedule')
    else world.mark(follows ? 'job started by the end of another' : 'job called by its alias')
  }

  #markDelivery({ id, event, status, attempt, status_code, webhook_id }: DeliveryRow): void {
    const { truth, world } = this.#options
    world.note(`  ${id} ${event} is ${status} after ${attempt} tries`)
    if (attempt > 1) world.mark('delivery tried again')
    if (status === 'failed') world.mark(status_code === 410 ? 'webhook gone' : 'delivery given up')
    const { enabled, disabled_reason } = truth.webhooks.rows.get(webhook_id) ?? { enabled: true, disabled_reason: '' }
    if (!enabled && disabled_reason.startsWith('Every')) world.mark('webhook disabled for failing')
  }

  #markState({ jobs, robots, horizonAt, deliveries }: State, change: Change): void {
    const { truth, world } = this.#options
    for (const { loadedUpTo } of deliveries.queues.values()) {
      if (loadedUpTo !== null) world.mark('deliveries on the disk only')
    }
    let slots = 0
    for (const robot of robots.values()) slots += robot.max_concurrent_jobs
    if (slots > 0 && jobs.size > 10 * slots) world.mark('queue ten times as long as there are slots')
    for (const id of this.#far) {
      if (jobs.has(id)) world.mark('job fetched from beyond the horizon')
      if (jobs.has(id) || !truth.live.has(id)) this.#far.delete(id)
    }
    for (const { after } of change.jobs) if ((after.ready_at ?? 0) > horizonAt) this.#far.add(after.id)
  }
}
