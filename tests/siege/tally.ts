/** The effects of an attack, counted by the attacker. */
export class Tally {
  /** Frames and requests. */
  sent = 0
  /** Connections that were begun, and those of them that are gone again. */
  sockets = 0
  closed = 0
  /** The most that were open at a time. */
  most = 0
  /** Answers by their status; 0: the connection ended without one. */
  readonly answers: Record<string, number> = {}

  readonly notes: Record<string, number> = {}

  /** Counts an answer. */
  answer(status: number | string): void {
    this.answers[status] = (this.answers[status] ?? 0) + 1
  }

  /** Counts something else, by its name. */
  note(what: string, count: number): void {
    this.notes[what] = (this.notes[what] ?? 0) + count
  }

  /** Looks how many are open now. */
  look(): void {
    this.most = Math.max(this.most, this.sockets - this.closed)
  }
}

/** The same as plain data. */
export type Tallied = Pick<Tally, 'sent' | 'sockets' | 'closed' | 'most' | 'answers' | 'notes'>
