import type { JobId, KeyId, Millis, ReplyId, RobotId, SecretHash, SocketId } from './base/ids.ts'
import type { Report } from './records/robot.ts'
import type { SlidingWindow } from './base/sliding-window.ts'
import type { Bucket } from './base/bucket.ts'
import type { Message } from './protocol/message.ts'

/** A connection, registered or not. */
export interface Socket {
  readonly id: SocketId
  /** The key of the upgrade request, if there was one. */
  readonly credential: SecretHash | null
  /** The one robot that may register here, by the address; null: any. */
  readonly onlyRobot: RobotId | null
  /** The network of the peer; null if it is unknown. */
  readonly network: string | null
  /** The robot once it has registered, and its key; null with open authentication. */
  robot: RobotId | null
  key: KeyId | null
  /** It is closing: its frames are ignored. */
  closing: boolean
}

/** A robot's present connection. A robot that registers anew gets a new session, without the state of the old one. */
export interface Session {
  readonly robot: RobotId
  readonly socket: SocketId
  since: Millis
  /** The instant of the last frame of any type. */
  lastFrameAt: Millis
  /** Since when it has been idle, or, if it has jobs, since it last finished one. */
  idleSince: Millis
  /** It reports to be paused, or in another status without jobs. */
  paused: boolean
  /** It has just refused an offer, or let one expire: it gets no offers for a while. */
  coolingDown: boolean
  /** The number of its last offer among all offers; 0 before the first. */
  lastOffer: number
  /** Offers in a row that it did not accept. */
  refusals: number
  reported: Report | null
  /**
   * From its last report: jobs that are not its own according to our rows, and the number of slots that other work
   * takes.
   */
  foreignJobs: Set<JobId>
  foreignLoad: number
  /** Requests that wait for its next status response. */
  readonly awaitingStatus: ReplyId[]
  /**
   * Status requests sent on this connection, and responses to them: the nth response was written after the nth request.
   */
  statusRequests: number
  statusResponses: number
  /** Jobs that it runs, or may have started, and that were missing from its last list. Missing twice, a job is lost. */
  missing: ReadonlySet<JobId>
  /**
   * Unanswered offers of this connection: null, or, for an overdue one, the number of the status request that was sent
   * after it. A list written after that request was read proves whether the robot has the job.
   */
  readonly offers: Map<JobId, number | null>
  /** The id of its memory of offers, by which it can tell which of them it has read; empty if it has none. */
  readonly memory: string
  /** Jobs of which it has sent a late result: one history entry for each is enough. */
  readonly lateResults: Set<JobId>
  /**
   * Jobs that it is not offered. `refused`: until its back-off is over. A number: it may be running the job, until a
   * report without the job that was written after it read this status request.
   */
  readonly excluded: Map<JobId, 'refused' | number>
}

/**
 * Connections that have neither registered nor sent a valid key, in the order of their arrival. They have low limits,
 * and make room for later ones.
 */
export interface UnregisteredSockets {
  readonly all: Set<SocketId>
  /** By network. */
  readonly byNetwork: Map<string, Set<SocketId>>
}

/**
 * A conflict of two machines with one robot id: each closes the other's connection by registering, without end. A
 * single robot takes over its own connection only if that is dead, and has been silent for a while.
 */
export interface Takeovers {
  /** The instants at which a working connection was taken over: the first, and the last. */
  readonly since: Millis
  readonly last: Millis
  readonly count: number
}

/** The rate of a robot's messages, over all its connections. */
export interface MessageRate {
  /** Messages that were processed. */
  readonly window: SlidingWindow
  /** Unwanted messages beyond the limit, and since when they have been counted. */
  excess: number
  excessSince: Millis
  /** The instant of the last warning to it. */
  warnedAt: Millis
  /** It has sent a result, and its next heartbeat asks for the confirmation. */
  confirms: boolean
  /** The messages about jobs that are still expected from it, and do not count: two for each offer. */
  expected: number
  /** The bytes that it has sent. They drain at `robotBytesPerSecond`. */
  readonly sent: Bucket
  /** It has sent too many bytes, and may not connect until this instant. */
  blockedUntil: Millis
  /** The bytes written for it. */
  readonly disk: Bucket
  /** The latest progress beyond the limit of each job, processed with the next heartbeat. */
  readonly progress: Map<JobId, Message<'job_progress'>>
}
