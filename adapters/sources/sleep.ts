/** A wait that can be ended early. */
export class Sleep {
  #wake: () => void = () => {}
  #isWoken = false

  /** Waits at most this many milliseconds; returns at once if `wake` was called since the last wait. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = () => {}
        this.#isWoken = false
        resolve()
      }
      if (this.#isWoken) this.#wake()
    })
  }

  wake(): void {
    this.#isWoken = true
    this.#wake()
  }
}
