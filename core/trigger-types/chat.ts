import * as v from 'valibot'
import { isLike } from '../base/glob.ts'
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
  screen: filterMessage,
})

/** The parts of a message that the filters look at. */
export interface ChatSubject {
  readonly message_text: string
  readonly command: string
  /** Everything that channel and sender are known by, of that which nobody else can take: ids first. */
  readonly channels: readonly string[]
  readonly senders: readonly string[]
  readonly is_mention: boolean
  readonly is_bot: boolean
}

/** The filters of a chat, in the order in which they are asked. */
export type ChatFilter =
  | 'bot_filter'
  | 'mention_required'
  | 'command_filter'
  | 'channel_filter'
  | 'user_filter'
  | 'message_pattern'

function filterMessage(config: ChatConfig, subject: ChatSubject): ChatFilter | null {
  const { command, channels, senders, message_text } = subject
  if (config.bot_filter && subject.is_bot) return 'bot_filter'
  if (config.mention_required && !subject.is_mention) return 'mention_required'
  // A command with a subcommand is meant by its first word as well.
  if (!isAmong(config.command_filter, [command, command.split(' ', 1)[0] ?? ''])) return 'command_filter'
  if (!isAmong(config.channel_filter, channels)) return 'channel_filter'
  if (!isAmong(config.user_filter, senders)) return 'user_filter'
  const { message_pattern: pattern } = config
  return pattern === null || isLike(message_text.trim(), pattern, true) ? null : 'message_pattern'
}

function isAmong(filter: readonly string[], names: readonly string[]): boolean {
  if (filter.length === 0) return true
  const wanted = new Set(filter.map(bare))
  return wanted.has('*') || names.some((name) => name !== '' && wanted.has(bare(name)))
}

function bare(name: string): string {
  return name.replace(/^[#@/]/, '').toLowerCase()
}
