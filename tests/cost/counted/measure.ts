import { CONVERSATIONS } from './conversations.ts'
import { Scene, type Work } from './scene.ts'

/** Plays a conversation twice, and returns the work of the second time. */
export async function workOfConversation(name: string): Promise<Work> {
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
