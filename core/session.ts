import type { JobId, KeyId, Millis, ReplyId, RobotId, SecretHash, SocketId } from './base/ids.ts'
import type { Report } from './records/robot.ts'
import type { SlidingWindow } from './base/sliding-window.ts'
import type { Bucket } from './base/bucket.ts'
import type { Message } from './protocol/message.ts'

/** A connection, whoever is at the other end. */
export interface Socket {
  readonly id: SocketId
  /** The key that came with the upgrade request, if one did. */
  readonly credential: SecretHash | null
  /** The one robot that may register here, by the address; null: any. */
  readonly onlyRobot: RobotId | null
  /** The network that it comes from; null where nobody knows. */
  readonly network: string | null
  /** Whose it is once it has registered, and with which key; null in an open lab. */
  robot: RobotId | null
  key: KeyId | null
  /** Told to close. Whatever it still says is not listened to. */
  closing: boolean
}

/** A robot's present connection. A robot that registers anew has a new one, and what the old one knew is gone. */
export interface Session {
  readonly robot: RobotId
  readonly socket: SocketId
  since: Millis
  /** The last frame of any kind. */
  lastFrameAt: Millis
  /** Since when it has had nothing to do, or, if it has, since it last finished something. */
  idleSince: Millis
  /** It says that it is paused, or otherwise not there for jobs, and takes nothing. */
  paused: boolean
  /** It has just refused an offer, or let one pass: nothing is offered for a while. */
  coolingDown: boolean
  /** Which of all offers was its last; 0 before the first. */
  lastOffer: number
  /** Offers in a row that it did not take up. */
  refusals: number
  reported: Report | null
  /** By its last report: jobs that it runs and we do not know as its own, and how much other work takes its slots. */
  foreignJobs: Set<JobId>
  foreignLoad: number
  /** Who waits for its next status response. */
  readonly awaitingStatus: ReplyId[]
  /** Status requests sent on this connection, and answers to them: the nth answer was written after the nth request. */
  statusRequests: number
  statusResponses: number
  /** Jobs that it runs, or may have started, and that its last list did not name. Missing twice, a job is lost. */
  missing: ReadonlySet<JobId>
  /**
   * Offers that were made on this connection and are not answered: null, or, for one that is overdue, the status request
   * that was sent after it. A list that the robot writes when it has read that request proves whether it has the job.
   */
  readonly offers: Map<JobId, number | null>
  /** The name of what it remembers of offers, so that it can say which of them it has read; empty if it cannot. */
  readonly memory: string
  /** Jobs of which it has reported a result too late: one entry in their history is enough. */
  readonly lateResults: Set<JobId>
  /**
   * Jobs that it is not asked to run. It refused one, until its back-off has grown; or it may be running one all the
   * same, until a report does not name it that was written after this status request had been read.
   */
  readonly excluded: Map<JobId, 'refused' | number>
}

/**
 * Connections that have neither registered nor shown a key that would let them, in the order in which they came. They have
 * small bounds, and give way to those that come after them.
 */
export interface Strangers {
  readonly all: Set<SocketId>
  /** Those of each network. */
  readonly byNetwork: Map<string, Set<SocketId>>
}

/**
 * Two machines under one robot id: each that registers closes the connection of the other, which comes back, for ever.
 * One robot alone takes the place of its own connection only where that is dead and has been silent for a while.
 */
export interface Takeovers {
  /** When the first connection that was at work was taken over, and the last. */
  readonly since: Millis
  readonly last: Millis
  readonly count: number
}

/** How much a robot has said, over all its connections. */
export interface MessageRate {
  /** What was acted upon. */
  readonly window: SlidingWindow
  /** Messages beyond the limit that nobody needed, and since when they have been counted. */
  excess: number
  excessSince: Millis
  /** When it was last told that it says too much. */
  warnedAt: Millis
  /** It has sent a result, and its next heartbeat asks whether that is safe. */
  confirms: boolean
  /** The bytes that it has sent. They run out at `robotBytesPerSecond`. */
  readonly sent: Bucket
  /** It has sent too many bytes, and until then it is not let in again. */
  blockedUntil: Millis
  /** What was written down of it. */
  readonly disk: Bucket
  /** The last progress of each job that was beyond the limit: acted upon with the next heartbeat. */
  readonly progress: Map<JobId, Message<'job_progress'>>
}
