import { expect, test } from 'vitest'

/**
 * What work on that which others send may cost. Time is that of the processor, so a busy machine changes little, and of several
 * goes the cheapest counts; a slow machine is judged by how long it takes for what is known to be in proportion.
 */

/** A step keeps everybody else waiting for no longer than this, in milliseconds. */
const STEP_MS = 20

/** Caches are shared with whatever else the machine does: so many times as long is still no fault. */
const SHARED = 10

/** What a character of a text that is read may cost, in milliseconds: what reading JSON does, before it is compiled well. */
const CHAR_MS = 400 / (1 << 20)

/** As many characters as a frame or a body may have. */
const LARGEST = 1 << 20

interface Growth {
  readonly from?: number
  readonly to?: number
  /** A character costs so many times as much as others. */
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

/** How long `known` takes on the machine on which the times above were set, which is no fast one. */
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
