import type { Repertoire, Runnable } from './protocol/repertoire.ts'
import type { DeliveryId, JobId, Millis, RobotId, WebhookId } from './base/ids.ts'
import type { Priority } from './records/job.ts'
import type { Heap } from './base/heap.ts'
import type { RobotRow } from './records/robot.ts'
import type { DeliveryRow, WebhookEvent, WebhookRow } from './records/webhook.ts'

/**
 * The waiting jobs. Jobs that ask the same of a robot form one class, so that a job nobody can run costs the others
 * nothing: its class is simply never looked at. Inside a class there is one heap per priority, in order of waiting.
 */
export interface JobNeeds extends Runnable {
  /** Empty: any. */
  readonly environment: string
  readonly tags: readonly string[]
  readonly capabilities: readonly string[]
  readonly robot: RobotId | null
}

export interface WaitingJob {
  readonly id: JobId
  readonly priority: Priority
  readonly queuedAt: Millis
  readonly seq: number
}

export interface JobClass {
  readonly key: string
  readonly needs: JobNeeds
  readonly byPriority: readonly Heap<JobId, WaitingJob>[]
}

/**
 * Who could run what: the waiting jobs by what they need, the robots by what they offer, and which suit which.
 *
 * Robots that offer the same form one group. Jobs are matched with groups, not with robots, and a match is worked out
 * once: an event costs as much as there are classes and groups, however many jobs and robots they hold.
 */
export interface MatchingIndex {
  /** Which of two free robots is asked first. */
  readonly before: (a: FreeRobot, b: FreeRobot) => boolean
  readonly classes: Map<string, JobClass>
  readonly groups: Map<string, RobotGroup>
  readonly groupOf: Map<RobotId, RobotGroup>
  /** The row by which each of them came to its group. */
  readonly groupedBy: Map<RobotId, RobotRow>
  /** What the robots that are on record can do, connected or not: once for all that can do the same. */
  readonly abilityGroups: Map<string, AbilityGroup>
  readonly abilityGroupOf: Map<RobotId, AbilityGroup>
  /** The workflows that robots on record name, and how many of `abilityGroups` do. Jobs of these wait in classes of their own. */
  readonly namedWorkflows: Map<string, number>
  /** Classes whose jobs may go to one robot only, by that robot. */
  readonly pinned: Map<RobotId, Set<JobClass>>
  /** What has changed since the last dispatch. */
  readonly dirtyClasses: Set<JobClass>
  readonly dirtyRobots: Set<RobotId>
}

/** Robots on record that can do the same. */
interface AbilityGroup {
  readonly abilities: Abilities
  readonly robots: Set<RobotId>
}

/** Robots with the same environment, tags and capabilities. */
export interface RobotGroup {
  readonly key: string
  readonly environment: string
  readonly tags: ReadonlySet<string>
  readonly capabilities: ReadonlySet<string>
  /** Null: they do not say what they run. */
  readonly repertoire: Repertoire | null
  readonly robots: Set<RobotId>
  /** Those that could take a job now, in the order in which the strategy asks them. */
  readonly free: Heap<RobotId, FreeRobot>
  /** The classes with waiting jobs that these robots may run, those for one robot only left out. */
  readonly classes: Set<JobClass>
}

export interface FreeRobot {
  readonly robot: RobotId
  readonly lastOffer: number
  /** Slots in use by slots, from 0 up to less than 1. */
  readonly load: number
  readonly idleSince: Millis
}

/** What decides whether a robot may run a job. */
export type Abilities = Pick<RobotGroup, 'key' | 'environment' | 'tags' | 'capabilities' | 'repertoire'>

/**
 * Limits on how many jobs run at a time: those of one workflow, of one pool, with one concurrency key, and those of a
 * schedule whose jobs wait for each other. A job counts in
 * its groups from when it becomes queued until it has ended, gone back, or been seen to stop. One that a limit holds
 * back is pending until another leaves.
 */
export interface ConcurrencyGroup {
  readonly key: string
  readonly running: Set<JobId>
  readonly waiting: JobClass
}

export interface ConcurrencyGroups {
  readonly byKey: Map<string, ConcurrencyGroup>
  /** Those that a job has left since they were last looked at. */
  readonly released: Set<ConcurrencyGroup>
}

/**
 * What is to be told to webhooks, and when. Of each webhook the deliveries that are due first are in memory, a page or
 * two; the others are on disk only, and come in when there is room. So a receiver that is down for a day fills the disk
 * and not memory, and does not stand in the way of another.
 */
export interface DeliveryQueues {
  listeners: ReadonlyMap<WebhookEvent, readonly WebhookRow[]>
  /** Of the webhooks that are enabled. */
  readonly queues: Map<WebhookId, DeliveryQueue>
  /** Webhooks that may have something to send: one that was served goes to the end. */
  readonly ready: Set<WebhookId>
  /** Webhooks whose queue has room for the next page. */
  readonly needsPage: Set<WebhookId>
  /** Calls that are under way. */
  requestsInFlight: number
  /** How many have been made since the beginning of this state: the number of the next one fences what is late. */
  requests: number
  /** The turn that has taken the pages that came with it. */
  pagedIn: number
}

/** One webhook's pending deliveries. */
export interface DeliveryQueue {
  readonly waiting: Heap<DeliveryId, DeliveryRow>
  /** Sent, and not yet reported: on disk they are as they were, so that they are sent again after a crash. */
  readonly inFlight: Map<DeliveryId, { readonly row: DeliveryRow; readonly call: number }>
  /** Up to here all of them are in memory; null: all there are. */
  loadedUpTo: DueOrder | null
}

/** The order in which deliveries are due. */
export interface DueOrder {
  readonly at: Millis
  readonly seq: number
}

/**
 * A family is a job that somebody asked for, its root, and all that follows from it: what it calls, what its end starts,
 * and so on. How deep that may go is bounded, and so must be how wide: ten jobs at each end are 10^10 at a depth of ten.
 */
export interface Family {
  /** How many jobs the root has led to, those that have ended among them. */
  readonly made: number
  /** How many of all have not ended, the root among them: only those can lead to more. */
  readonly live: number
}
