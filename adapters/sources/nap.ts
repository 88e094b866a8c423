/** A wait that can be cut short. */
export class Nap {
  #end: () => void = () => {}
  #ended = false

  /** Waits, at most this many milliseconds, and not at all when `end` was called since the last wait. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), ms)
      this.#end = () => {
        clearTimeout(timer)
        this.#end = () => {}
        this.#ended = false
        resolve()
      }
      if (this.#ended) this.#end()
    })
  }

  end(): void {
    this.#ended = true
    this.#end()
  }
}
