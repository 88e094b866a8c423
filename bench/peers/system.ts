/** The systems that are compared, each with the same jobs. */

/** The addresses and keys with which processes reach a system that runs. */
export type Connection = Readonly<Record<string, string>>

/** A system that runs. */
export interface Running {
  readonly connection: Connection
  /** The processes that hold its jobs. */
  pids(): readonly number[]
  /** Stops it, starts it on the same data, and returns the milliseconds from the start to its first answer. */
  restart(): Promise<number>
  stop(): Promise<void>
}

/** The side that submits jobs. Jobs are durable when a promise resolves. */
export interface Producer {
  /** Resolves with the id of the job. */
  submit(n: number): Promise<string>
  submitMany(ns: readonly number[]): Promise<readonly string[]>
  /** Resolves when this process has learned that the job has ended. Null where the system does not say so. */
  readonly ended: ((id: string) => Promise<void>) | null
  /** Given where the system runs inside the producer: the addresses at which the others reach it. */
  readonly connection?: Connection
  close(): Promise<void>
}

/** The side that runs jobs: at most 100 at a time, in one process. */
export interface Consumer {
  close(): Promise<void>
}

export interface System {
  /** Starts it on an empty folder, with nothing in it but what it needs to take jobs. */
  start(folder: string): Promise<Running>
  /** `how`: one of the ways of this system to submit. */
  produce(connection: Connection, how: string): Promise<Producer>
  /** `ran` is called with the number of each job that is run. */
  consume(connection: Connection, ran: (n: number) => void): Promise<Consumer>
  /** The number of jobs that have not ended. */
  pending(connection: Connection): Promise<number>
  /** Throws unless exactly the jobs with these ids have ended, each successfully. */
  verify(connection: Connection, ids: readonly string[]): Promise<void>
}
