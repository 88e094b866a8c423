import { allocatedBytes } from './allocations.ts'
import { type Figures, figuresOf } from './ceilings.ts'
import { CONVERSATIONS } from './conversations.ts'
import { Scene, type Work } from './scene.ts'

/** Plays a conversation, and returns everything that is counted of it. */
export async function figuresOfConversation(name: string): Promise<Figures> {
  const allocated = CONVERSATIONS[name]?.plays === undefined ? null : await allocatedBytes(name)
  return figuresOf(await workOfConversation(name), allocated)
}

/** Plays it twice, and returns the work of the second time. */
async function workOfConversation(name: string): Promise<Work> {
  const conversation = CONVERSATIONS[name]
  if (conversation === undefined) throw new Error(`there is no conversation "${name}"`)
  const { begin, before, play, end } = conversation
  const scene = await Scene.open()
  try {
    await begin?.(scene)
    for (let time = 0; time < 2; time++) {
      await before?.(scene)
      scene.reset()
      await play(scene)
    }
    const work = scene.work()
    await end?.()
    return work
  } finally {
    await scene.close()
  }
}
