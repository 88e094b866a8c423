import type { ChatPlatform } from '../../core/protocol/chat.ts'
import { discord } from './discord.ts'
import type { Messenger } from './messenger.ts'
import { slack } from './slack.ts'
import { teams } from './teams.ts'
import { telegram } from './telegram.ts'

/** Every chat that a trigger may listen to. */
export const MESSENGERS: { readonly [P in ChatPlatform]: Messenger } = { slack, telegram, teams, discord }

/** Why this cannot be what requests of the platform are verified with; null when it can. */
export function problemWithKey(platform: ChatPlatform, key: string): string | null {
  const { form, words, flaw = () => null } = MESSENGERS[platform].key
  return form.test(key) ? flaw(key) : `must be ${words}`
}
