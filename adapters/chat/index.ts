import type { ChatPlatformName } from '../../core/trigger-types/chat-platforms.ts'
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
