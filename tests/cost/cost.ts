import { expect, test } from 'vitest'

/**
 * Limits on the cost of work on input from outside. The measure is CPU time, so a busy machine changes little, and the
 * best of several runs counts; a slow machine is calibrated with work that is known to be linear.
 */

/** A step keeps everybody else waiting for no longer than this, in milliseconds. */
const STEP_MS = 20

/** The factor by which a run may be slower because other processes share the caches. */
const SHARED = 10

/** The milliseconds that a character of a text may cost: those of parsing JSON, before it is compiled well. */
const CHAR_MS = 400 / (1 << 20)

/** As many characters as a frame or a body may have. */
const LARGEST = 1 << 20

interface Growth {
  readonly from?: number
  readonly to?: number
  /** The factor by which a character may cost more than usual. */
  readonly times?: number
}

/**
 * Grows a text to twice its length again and again, and demands that it costs no more than in proportion. What grows with
 * the square of it takes minutes at the largest: the first text that is too dear is the last.
 */
export function growing<T>(
  name: string,
  make: (chars: number) => T,
  read: (given: T) => unknown,
  { from = 4_096, to = LARGEST, times = 1 }: Growth = {},
): void {
  test(name, async () => {
    for (let chars = from; chars <= to; chars *= 2) {
      const given = make(chars)
      const allowed = (STEP_MS * SHARED + chars * CHAR_MS * times) * await slowness()
      expect(await leastMs(() => read(given), allowed), `${chars} characters`).toBeLessThan(allowed)
    }
  })
}

/** Demands that what is one step, and bounded, costs no more than a step may. */
export function step(name: string, run: () => unknown): void {
  test(name, async () => {
    const allowed = STEP_MS * SHARED * await slowness()
    expect(await leastMs(run, allowed)).toBeLessThan(allowed)
  })
}

const GOES = 5

/** The time of the processor for the cheapest of several goes; one that is cheap enough is the last. */
async function leastMs(run: () => unknown, enough: number): Promise<number> {
  let least = Infinity
  for (let go = 0; go < GOES && least >= enough; go++) {
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1_000)
  }
  return least
}

/** The milliseconds that `known` takes on the slow machine for which the limits above were set. */
const KNOWN_MS = 8

let slow = 0

async function slowness(): Promise<number> {
  slow ||= Math.max(1, await leastMs(known, 0) / KNOWN_MS)
  return slow
}

function known(): unknown {
  const text = `[${'{"a":"b c","d":[1,2.5,true]},'.repeat(15_000)}0]`
  let sum = 0
  for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i)
  return [JSON.parse(text), sum]
}
