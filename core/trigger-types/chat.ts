import * as v from 'valibot'
import { CHAT_PLATFORM_NAMES, chatPlatformOf } from './chat-platforms.ts'
import { triggerType } from './trigger-type.ts'

/** The `config` of a trigger of type `chat`. */

/** Ids or names, each as the platform writes it; a `#`, `@` or `/` before it is left out. */
const among = v.optional(
  v.pipe(v.array(v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(200))), v.maxLength(100)),
  [],
)

const Fields = v.strictObject({
  platform: v.picklist(CHAT_PLATFORM_NAMES, `must be one of ${CHAT_PLATFORM_NAMES.join(', ')}`),
  /** A pattern for the whole message: `*` matches any text, ignoring case. Null: any message. */
  message_pattern: v.nullish(v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(500)), null),
  /** Only these commands; empty: any message, with a command or not. */
  command_filter: among,
  /** Only from these channels; empty: from all. `*` is any. */
  channel_filter: among,
  /** Only from these people; empty: from all. `*` is anybody. */
  user_filter: among,
  /** Ignore messages of bots. */
  bot_filter: v.optional(v.boolean(), true),
  /** Only messages to the bot: by its name, with a command, or in private. */
  mention_required: v.optional(v.boolean(), false),
  /** The name of the bot, on Telegram and in Teams, which do not send it with the message. */
  bot_name: v.nullish(v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(100)), null),
  /** The people who see our answer, if the platform leaves that to us. */
  reply: v.optional(v.picklist(['private', 'channel', 'none'], 'must be private, channel or none'), 'private'),
})

export const ChatConfig = v.pipe(
  Fields,
  v.forward(
    v.check(
      ({ platform, user_filter, channel_filter }) =>
        !chatPlatformOf(platform).anybodyCanWrite || user_filter.length + channel_filter.length > 0,
      'needed, or channel_filter: anybody can write to a bot of this platform. ["*"] lets everybody in',
    ),
    ['user_filter'],
  ),
)

export type ChatConfig = v.InferOutput<typeof ChatConfig>

/** A person writes to a bot. */
export const chat = triggerType({
  name: 'chat',
  config: ChatConfig,
  credential: 'platform-key',
  path: '/chat',
  rateLimited: true,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references: () => [],
  subscribes: () => [],
})
