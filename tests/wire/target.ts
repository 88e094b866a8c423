/** A runtime as the suite needs it: how to start it, and the differences of its platform. */

/** The place of a server. The same place gives the same server again. */
export interface Place {
  /** The folder that its data is in. */
  readonly data: string
  /** Two free ports; a target that needs one leaves the second alone. */
  readonly ports: readonly [number, number]
  /** Settings that differ from the defaults, as in a settings file. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The admin key, for a target that is given one. */
  readonly key: string
}

/** A server that is ready. */
export interface Running {
  /** The address of the HTTP API, without a path. */
  readonly http: string
  /** The address for robots. */
  readonly robots: string
  /** Undefined at a later start if only the first prints it. */
  readonly admin: string | undefined
  /** The process that everything of it belongs to. */
  readonly pid: number
  /** `kill -9` of everything that belongs to it. Resolves when all of that is gone. */
  kill(): Promise<void>
  /** Everything that belongs to it stands still, and goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it in the ordinary way; rejects when it does not end well. */
  stop(): Promise<void>
  /** Its complaints since it was started; empty as long as no fault has occurred inside. */
  faults(): string
}

/** A place where the transcript of a target is not the blessed one, because its platform speaks there. */
interface Difference {
  /** Lines as they are blessed, enough of them to be found once or more. */
  readonly blessed: string
  /** The same lines as they are here. */
  readonly here: string
  /** The page that says why. */
  readonly link: string
}

export interface Target {
  readonly name: string
  /**
   * After how long without an event the platform throws the memory away and keeps the connections; null where a process
   * keeps both.
   */
  readonly sleepsAfterMs: number | null
  /**
   * Tests that this platform cannot pass: how their names begin, and the page that says why. There is no other reason to
   * leave one out.
   */
  readonly limits: Readonly<Record<string, string>>
  /** Answers in which the orchestrator has no part, where this platform gives others than the first target does. */
  readonly answers: readonly Difference[]
  start(place: Place): Promise<Running>
}
