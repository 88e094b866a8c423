import { CHAT_PLATFORMS, type ChatPlatformName } from './chat.ts'

/** How callers of a webhook show who they are. */
export const TRIGGER_AUTHS = [
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
export const SHOWN_AUTHS: readonly ShownAuth[] = [...new Set<ShownAuth>([...TRIGGER_AUTHS, ...CHAT_PLATFORMS])]
