import type { ChatFilter, ChatSubject } from '../../core/trigger-types/chat.ts'
import type { IncomingMessage } from './platform.ts'

/** The fields of a message that a trigger's filters examine, and the reasons for its author. */

/** Picks out of a message what the filters look at. */
export function screenedIn({ message, aliases }: IncomingMessage): ChatSubject {
  const { message_text, command, channel_id, sender_id, is_mention, is_bot } = message
  return {
    message_text,
    command,
    channels: [channel_id, ...aliases.channel],
    senders: [sender_id, ...aliases.sender],
    is_mention,
    is_bot,
  }
}

const TEXTS: { readonly [F in ChatFilter | 'filter']: string } = {
  bot_filter: 'what bots say is passed over',
  mention_required: 'the bot was not spoken to',
  command_filter: 'it is not a command for this bot',
  channel_filter: 'not from this channel',
  user_filter: 'you may not start this',
  message_pattern: 'the message has another form',
  filter: 'it is not what is listened for',
}

/** Says why nothing was started, in words for the person who wrote the message. */
export function skipText(reason: string): string {
  return Object.hasOwn(TEXTS, reason) ? TEXTS[reason as ChatFilter] : reason
}
