/**
 * Reads what comes, in its order. A robot that runs its jobs in the loop that reads, as the original clients can, reads
 * nothing while one runs.
 */
export class Reader {
  readonly #waits: () => boolean
  readonly #read: (text: string) => void
  #unread: string[] = []

  constructor(waits: () => boolean, read: (text: string) => void) {
    this.#waits = waits
    this.#read = read
  }

  received(text: string): void {
    this.#unread.push(text)
    this.readOn()
  }

  /** Reads what has waited, until there is reason to wait again. */
  readOn(): void {
    while (!this.#waits()) {
      const text = this.#unread.shift()
      if (text === undefined) return
      this.#read(text)
    }
  }

  /** The connection is gone, and what was not read with it. */
  forget(): void {
    this.#unread = []
  }
}
