import { isLike } from '../../core/base/glob.ts'
import type { ChatConfig } from '../../core/trigger-types/chat.ts'
import type { IncomingMessage } from './platform.ts'

/** Why a trigger passes a message over, in words for whoever wrote it; null when it does not. */
export function filterReason({ message, aliases }: IncomingMessage, config: ChatConfig): string | null {
  const { command, channel_id, sender_id } = message
  if (config.bot_filter && message.is_bot) return 'what bots say is passed over'
  if (config.mention_required && !message.is_mention) return 'the bot was not spoken to'
  // A command with a subcommand is meant by its first word as well.
  if (!isAmong(config.command_filter, [command, command.split(' ', 1)[0] ?? ''])) {
    return 'it is not a command for this bot'
  }
  if (!isAmong(config.channel_filter, [channel_id, ...aliases.channel])) return 'not from this channel'
  if (!isAmong(config.user_filter, [sender_id, ...aliases.sender])) return 'you may not start this'
  if (config.message_pattern !== null && !isLike(message.message_text.trim(), config.message_pattern, true)) {
    return 'the message has another form'
  }
  return null
}

function isAmong(filter: readonly string[], names: readonly string[]): boolean {
  if (filter.length === 0) return true
  const wanted = new Set(filter.map(bare))
  return wanted.has('*') || names.some((name) => name !== '' && wanted.has(bare(name)))
}

function bare(name: string): string {
  return name.replace(/^[#@/]/, '').toLowerCase()
}
