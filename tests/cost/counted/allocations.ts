import { Session } from 'node:inspector/promises'
import { CONVERSATIONS } from './conversations.ts'
import { Scene } from './scene.ts'

/** The share of plays before those that are counted: compiled code allocates less than interpreted code. */
const WARM_UP = 0.5
/** One sample for so many allocated bytes, on average. The sum is right to about one part in fifty. */
const INTERVAL = 1_024

/** A node of the profiler's tree. */
interface Site {
  readonly selfSize: number
  readonly children: readonly Site[]
}

/**
 * The bytes that one play of a conversation allocates on the heap, by samples of many plays, also of what is collected
 * meanwhile. The test's own requests and robots are among them.
 */
export async function allocatedBytes(name: string): Promise<number> {
  const conversation = CONVERSATIONS[name]
  if (conversation === undefined) throw new Error(`there is no conversation "${name}"`)
  const { begin, play, end, plays = 0 } = conversation
  const scene = await Scene.open()
  const session = new Session()
  session.connect()
  try {
    await begin?.(scene)
    const repeat = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time++) await play(scene)
      scene.reset()
    }
    await repeat(WARM_UP * plays)
    await session.post('HeapProfiler.startSampling', SAMPLING)
    await repeat(plays)
    const { profile } = await session.post('HeapProfiler.stopSampling')
    await end?.()
    return Math.round(sum(profile.head) / plays)
  } finally {
    session.disconnect()
    await scene.close()
  }
}

/** The type of the parameters lacks the two that count garbage. */
const SAMPLING = {
  samplingInterval: INTERVAL,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
}

function sum({ selfSize, children }: Site): number {
  return children.reduce((bytes, child) => bytes + sum(child), selfSize)
}
