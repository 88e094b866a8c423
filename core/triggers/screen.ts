import { isLike } from '../base/glob.ts'
import { compilePatterns, withForwardSlashes } from '../base/path-patterns.ts'
import { configIn, type TriggerRow } from '../records/trigger.ts'
import type { Screening } from '../events/triggers.ts'
import type { FileEventType } from '../trigger-types/file-watch.ts'
import type { ConfigOf } from '../trigger-types/index.ts'

/**
 * The filters that some triggers have by their type, beside the `filter` that all may have: what a chat listens to, which files,
 * which mail. What they pass over is skipped, with the name of the filter as its reason.
 */

/** The fields that the filters of each type examine. */
export interface Screened {
  readonly chat: {
    readonly message_text: string
    readonly command: string
    /** Everything that channel and sender are known by, of that which nobody else can take: ids first. */
    readonly channels: readonly string[]
    readonly senders: readonly string[]
    readonly is_mention: boolean
    readonly is_bot: boolean
  }
  readonly file_watch: { readonly event_type: FileEventType; readonly file_path: string }
  readonly email: { readonly from_name: string; readonly from_address: string; readonly subject: string }
}

/** The filters of a chat, in the order in which they are asked. */
export type ChatFilter =
  | 'bot_filter'
  | 'mention_required'
  | 'command_filter'
  | 'channel_filter'
  | 'user_filter'
  | 'message_pattern'

type Filters = {
  readonly [T in keyof Screened]: (config: ConfigOf<T>, subject: Screened[T]) => string | null
}

const FILTERS: Filters = { chat: chatFilter, file_watch: fileFilter, email: mailFilter }

/**
 * Asks the filters of the trigger's type. An adapter does so before the turn, where looking may take its time: the patterns of
 * a trigger may cost a path four million comparisons. `revision` tells the turn whether the trigger is still the same.
 */
export function screen<T extends keyof Screened>(trigger: TriggerRow, type: T, subject: Screened[T]): Screening {
  const filter: Filters[T] = FILTERS[type]
  // One of another type is refused for that.
  const reason = trigger.trigger_type === type ? filter(configIn(trigger, type), subject) : null
  return { revision: trigger.revision, reason }
}

function chatFilter(config: ConfigOf<'chat'>, subject: Screened['chat']): ChatFilter | null {
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

function fileFilter(config: ConfigOf<'file_watch'>, { event_type, file_path }: Screened['file_watch']): string | null {
  if (!config.events.includes(event_type)) return 'events'
  return patternsOf(config.patterns)(withForwardSlashes(file_path)) ? null : 'patterns'
}

const compiled = new WeakMap<readonly string[], (path: string) => boolean>()

/** Compiling takes longer than a short path, and the patterns of a trigger stay the same. */
function patternsOf(patterns: readonly string[]): (path: string) => boolean {
  const before = compiled.get(patterns)
  if (before !== undefined) return before
  const made = compilePatterns(patterns)
  compiled.set(patterns, made)
  return made
}

function mailFilter(config: ConfigOf<'email'>, { from_name, from_address, subject }: Screened['email']): string | null {
  if (!isLike(`${from_name} <${from_address}>`, config.from_filter ?? '', false)) return 'from_filter'
  return isLike(subject, config.subject_filter ?? '', false) ? null : 'subject_filter'
}
