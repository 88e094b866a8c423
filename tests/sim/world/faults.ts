import type { Chance } from './chance.ts'

/**
 * The faults, by the letters of the fault model: N network, S server, R robots, C clock, U use. The number is the worst
 * rate: per hour for strikes, a probability for faults of each message, commit or job. Not included: S8 (old rows under
 * new code), which concerns the schema, and has a test of its own.
 */
const FAULTS = {
  cut: { code: 'N1', worst: 60 },
  halfOpen: { code: 'N2', worst: 30 },
  blackHole: { code: 'N3', worst: 20 },
  latency: { code: 'N4', worst: 1 },
  clog: { code: 'N5', worst: 20 },
  overlap: { code: 'N6', worst: 30 },
  lostAnswer: { code: 'N7', worst: 0.3 },
  hookTwice: { code: 'N8', worst: 0.5 },
  crash: { code: 'S1', worst: 12 },
  aimedCrash: { code: 'S2', worst: 0.05 },
  crashInRecovery: { code: 'S2', worst: 0.5 },
  slowCommit: { code: 'S3', worst: 1 },
  failedCommit: { code: 'S4', worst: 0.04 },
  hibernate: { code: 'S6', worst: 240 },
  lateAlarm: { code: 'S7', worst: 0.5 },
  stall: { code: 'S9', worst: 10 },
  robotCrash: { code: 'R1', worst: 20 },
  robotPause: { code: 'R2', worst: 20 },
  stallAtOffer: { code: 'R2', worst: 0.3 },
  inlineJobs: { code: 'R9', worst: 1 },
  robotChange: { code: 'R3', worst: 0.5 },
  refusal: { code: 'R4', worst: 0.3 },
  silence: { code: 'R4', worst: 0.2 },
  stuckJob: { code: 'R5', worst: 0.3 },
  resultTwice: { code: 'R6', worst: 0.5 },
  wrongCount: { code: 'R7', worst: 1 },
  hostile: { code: 'R8', worst: 600 },
  chatter: { code: 'R9', worst: 0.05 },
  clockJump: { code: 'C1', worst: 10 },
  clockDrift: { code: 'C2', worst: 4 },
  robotClock: { code: 'C3', worst: 1 },
  burst: { code: 'U1', worst: 10 },
  cancel: { code: 'U1', worst: 120 },
  cancelStorm: { code: 'U1', worst: 6 },
  retry: { code: 'U1', worst: 90 },
  robotRests: { code: 'U2', worst: 10 },
  control: { code: 'U2', worst: 30 },
  statusRequest: { code: 'U2', worst: 60 },
  limitChange: { code: 'U2', worst: 20 },
  keyRevoked: { code: 'U2', worst: 4 },
  scheduling: { code: 'U3', worst: 60 },
  chaining: { code: 'U4', worst: 60 },
  batches: { code: 'U5', worst: 30 },
  overlappingCommits: { code: 'S10', worst: 1 },
} as const satisfies Record<string, { readonly code: string; readonly worst: number }>

export type Fault = keyof typeof FAULTS

/** Drawn from a source of their own, so that adding them has changed no other. */
const DRAWN_APART: ReadonlySet<Fault> = new Set<Fault>(['chaining', 'batches', 'overlappingCommits'])

/**
 * The faults of one run. Each seed draws a few kinds of fault and how bad each is, so that some runs have nearly
 * none, some have many, and some have one kind and nothing else.
 */
export class Faults {
  #rates: Readonly<Partial<Record<Fault, number>>>

  /** `certain` are kinds that are not left to chance, `without` those that are left out, to make a run smaller. */
  constructor(chance: Chance, apart: Chance, certain: readonly Fault[] = [], without: readonly Fault[] = []) {
    const share = chance.between(0.1, 0.8)
    const rateOf: Partial<Record<Fault, number>> = {}
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      const source = DRAWN_APART.has(fault) ? apart : chance
      const drawn = source.happens(share)
      const strength = source.spread(0.05, 1)
      if ((drawn || certain.includes(fault)) && !without.includes(fault)) {
        rateOf[fault] = FAULTS[fault].worst * (certain.includes(fault) ? Math.max(0.5, strength) : strength)
      }
    }
    this.#rates = rateOf
  }

  /** The kinds of fault in it. */
  get active(): readonly Fault[] {
    return Object.keys(this.#rates) as Fault[]
  }

  /** The rate of a fault, in the unit of the table; 0 for one that this run does not have. */
  rates(fault: Fault): number {
    return this.#rates[fault] ?? 0
  }

  /** Faults are over: from here on nothing goes wrong. */
  clear(): void {
    this.#rates = {}
  }

  toString(): string {
    const kinds = Object.entries(this.#rates).map(([fault, rate]) => `${fault} ${rate.toPrecision(2)}`)
    return kinds.length === 0 ? 'none' : kinds.join(', ')
  }
}
