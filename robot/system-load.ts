import { statfs } from 'node:fs/promises'
import { cpus, freemem, totalmem } from 'node:os'

/** The load of the machine in percent; `null` if the platform does not report it. */
export interface SystemLoad {
  readonly cpu_percent: number | null
  readonly memory_percent: number
  readonly disk_percent: number | null
}

/** The least time between two measurements: one takes as long as many short jobs. */
const FRESH_MS = 5_000

/** Measures the machine: the processor between two measurements, memory at the last one, the disk a moment before. */
export class SystemLoadMeter {
  #read: { readonly at: number; readonly load: SystemLoad } | undefined
  #spent = processorTimes()
  #cpu: number | null = null
  #disk: number | null = null

  /** The load, at most five seconds old. Never waits and never throws. */
  read(): SystemLoad {
    const now = performance.now()
    // The disk is known from the second measurement on.
    const known = this.#read?.load.disk_percent === null ? undefined : this.#read
    if (known !== undefined && now - known.at < FRESH_MS) return known.load
    const load = this.#measure()
    this.#read = { at: now, load }
    return load
  }

  #measure(): SystemLoad {
    void this.#readDisk()
    const spent = processorTimes()
    const total = spent.total - this.#spent.total
    // The system counts in steps of 10 ms, so a shorter span is meaningless.
    if (total >= 100) {
      this.#cpu = percent(1 - (spent.idle - this.#spent.idle) / total)
      this.#spent = spent
    }
    return { cpu_percent: this.#cpu, memory_percent: percent(1 - freemem() / totalmem()), disk_percent: this.#disk }
  }

  async #readDisk(): Promise<void> {
    try {
      const { blocks, bavail } = await statfs('.')
      this.#disk = blocks === 0 ? null : percent(1 - bavail / blocks)
    } catch {
      this.#disk = null
    }
  }
}

function processorTimes(): { readonly idle: number; readonly total: number } {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.user + times.nice + times.sys + times.idle + times.irq
  }
  return { idle, total }
}

function percent(share: number): number {
  return Math.round(Math.min(1, Math.max(0, share)) * 1_000) / 10
}
