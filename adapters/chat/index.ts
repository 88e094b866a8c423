import type { ChatPlatformName } from '../../core/trigger-types/chat.ts'
import { discord } from './discord.ts'
import type { ChatPlatform } from './platform.ts'
import { slack } from './slack.ts'
import { teams } from './teams.ts'
import { telegram } from './telegram.ts'

/** Every chat that a trigger may listen to. */
export const CHAT_PLATFORM_BY_NAME: { readonly [P in ChatPlatformName]: ChatPlatform } = {
  slack,
  telegram,
  teams,
  discord,
}

/** Why this cannot be what requests of the platform are verified with; null when it can. */
export function problemWithChatKey(platform: ChatPlatformName, key: string): string | null {
  const { form, words, flaw = () => null } = CHAT_PLATFORM_BY_NAME[platform].key
  return form.test(key) ? flaw(key) : `must be ${words}`
}
