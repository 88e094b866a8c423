import { CHAT_PLATFORM_NAMES, type ChatPlatformName } from './chat-platforms.ts'

/** The authentication of a webhook's callers. */
const TRIGGER_AUTHS = [
  'secret',
  'none',
  'standard_webhooks',
  'github',
  'stripe',
  'slack',
  'shopify',
  'hmac',
] as const
export type TriggerAuth = (typeof TRIGGER_AUTHS)[number]

/** The same as people see it: a chat is verified as its platform does it. */
export type ShownAuth = TriggerAuth | ChatPlatformName
export const SHOWN_AUTHS: readonly ShownAuth[] = [...new Set<ShownAuth>([...TRIGGER_AUTHS, ...CHAT_PLATFORM_NAMES])]

/** True if a webhook can be called in this way. */
export function isTriggerAuth(auth: ShownAuth): auth is TriggerAuth {
  return (TRIGGER_AUTHS as readonly string[]).includes(auth)
}
