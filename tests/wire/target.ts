/** What the suite has to know of a runtime: how to start it, and what its platform does by itself. */

/** Where a server is started. With the same place it is the same server again. */
export interface Place {
  /** The folder that its data is in. */
  readonly data: string
  /** Two free ports; a target that needs one leaves the second alone. */
  readonly ports: readonly [number, number]
  /** What is not as by default, as in a settings file. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The admin key, for a target that is given one. */
  readonly key: string
}

/** A server that is ready. */
export interface Running {
  /** Where the HTTP API listens, without a path. */
  readonly http: string
  /** Where robots connect. */
  readonly robots: string
  /** Undefined where it is told at the first start only, and this is a later one. */
  readonly admin: string | undefined
  /** The process that everything of it belongs to. */
  readonly pid: number
  /** `kill -9` of everything that belongs to it. Resolves when all of that is gone. */
  kill(): Promise<void>
  /** Everything that belongs to it stands still, and goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it in the ordinary way; rejects when it does not end well. */
  stop(): Promise<void>
  /** What it has complained of since it was started: empty as long as nothing has failed inside. */
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
