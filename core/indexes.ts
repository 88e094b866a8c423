import type { Repertoire, Runnable } from './protocol/repertoire.ts'
import type { DeliveryId, JobId, Millis, RobotId, WebhookId } from './base/ids.ts'
import type { Priority } from './records/job.ts'
import type { Heap } from './base/heap.ts'
import type { RobotRow } from './records/robot.ts'
import type { DeliveryRow, WebhookEvent, WebhookRow } from './records/webhook.ts'

/**
 * The waiting jobs. Jobs with the same needs form one class, so a job that no robot can run costs the others nothing:
 * its class is never visited. Each class has one heap per priority, in order of waiting.
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
 * The index that matches waiting jobs, by needs, with robots, by abilities. Robots with the same abilities form one
 * group. Classes are matched with groups, and a match is computed once: an event costs as much as there are classes and
 * groups, however many jobs and robots they contain.
 */
export interface MatchingIndex {
  /** Decides which of two free robots is asked first. */
  readonly before: (a: FreeRobot, b: FreeRobot) => boolean
  readonly classes: Map<string, JobClass>
  readonly groups: Map<string, RobotGroup>
  readonly groupOf: Map<RobotId, RobotGroup>
  /** The row by which each robot came to its group. */
  readonly groupedBy: Map<RobotId, RobotRow>
  /** The abilities of robots on record, connected or not, once for each set of equal ones. */
  readonly abilityGroups: Map<string, AbilityGroup>
  readonly abilityGroupOf: Map<RobotId, AbilityGroup>
  /**
   * The workflows that robots on record name, and by how many of `abilityGroups`. Jobs of these form classes of their
   * own.
   */
  readonly namedWorkflows: Map<string, number>
  /** Classes whose jobs are pinned to one robot, by that robot. */
  readonly pinned: Map<RobotId, Set<JobClass>>
  /** Marked since the last dispatch. */
  readonly dirtyClasses: Set<JobClass>
  readonly dirtyRobots: Set<RobotId>
}

/** Robots on record with equal abilities. */
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
  /** Null: they do not declare what they run. */
  readonly repertoire: Repertoire | null
  readonly robots: Set<RobotId>
  /** The robots that could take a job now, in the order in which the strategy asks them. */
  readonly free: Heap<RobotId, FreeRobot>
  /** The classes of waiting jobs that these robots can run, without those pinned to one robot. */
  readonly classes: Set<JobClass>
}

export interface FreeRobot {
  readonly robot: RobotId
  readonly lastOffer: number
  /** The share of slots in use, from 0 to less than 1. */
  readonly load: number
  readonly idleSince: Millis
}

/** The properties that decide which jobs a robot can run. */
export type Abilities = Pick<RobotGroup, 'key' | 'environment' | 'tags' | 'capabilities' | 'repertoire'>

/**
 * Limits on jobs that run at a time: of a workflow, of a pool, with a concurrency key, and of a schedule whose jobs
 * wait for each other. A job counts in its groups from when it is queued until it has ended and its robot has stopped,
 * or until it goes back to pending. A job that a limit holds back is pending until another one leaves.
 */
export interface ConcurrencyGroup {
  readonly key: string
  readonly running: Set<JobId>
  readonly waiting: JobClass
}

export interface ConcurrencyGroups {
  readonly byKey: Map<string, ConcurrencyGroup>
  /** Groups that a job has left since they were last checked. */
  readonly released: Set<ConcurrencyGroup>
}

/**
 * The deliveries to webhooks that are due. The first due ones of each webhook are in memory, up to two pages; the
 * others are on disk only, and are loaded when there is room. So a receiver that is down for a day fills the disk and
 * not memory, and does not hold up others.
 */
export interface DeliveryQueues {
  listeners: ReadonlyMap<WebhookEvent, readonly WebhookRow[]>
  /** Of enabled webhooks. */
  readonly queues: Map<WebhookId, DeliveryQueue>
  /** Webhooks that may have something to send; one that was served goes to the end. */
  readonly ready: Set<WebhookId>
  /** Webhooks whose queue has room for the next page. */
  readonly needsPage: Set<WebhookId>
  /** Calls in flight. */
  requestsInFlight: number
  /** The number of calls since this state was loaded: the number of a call distinguishes it from late ones. */
  requests: number
  /** The turn whose prefetched pages were added. */
  pagedIn: number
}

/** The pending deliveries of one webhook. */
export interface DeliveryQueue {
  readonly waiting: Heap<DeliveryId, DeliveryRow>
  /** Sent and not yet reported. On disk they are unchanged, so that they are sent again after a crash. */
  readonly inFlight: Map<DeliveryId, { readonly row: DeliveryRow; readonly call: number }>
  /** Deliveries up to here are in memory; null: all of them are. */
  loadedUpTo: DueOrder | null
  /** The instant at which its lag was last reported; null: it does not lag. */
  lagReportedAt: Millis | null
}

/** The order in which deliveries are due. */
export interface DueOrder {
  readonly at: Millis
  readonly seq: number
}

/**
 * A family is a job that was submitted, its root, and everything that follows from it: the jobs that it calls, those
 * that its end starts, and so on. The depth is limited, and so must be the width: ten jobs at each end are 10^10 at a
 * depth of ten.
 */
export interface Family {
  /** The number of jobs that the root has led to, including ended ones. */
  readonly made: number
  /** The number of live jobs, including the root. Only these can lead to more. */
  readonly live: number
}
