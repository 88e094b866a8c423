import type { JsonText } from '../core/base/ids.ts'
import { stringifyExact } from '../core/base/exact.ts'
import { fromText } from '../core/base/json.ts'
import type { LogLevel } from '../core/protocol/message.ts'
import { truncate } from './text.ts'

/** The longest log message, in characters. A longer one is cut, with a note. */
const LOG_CHARS_MAX = 8_000

export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  readonly node_id: string
  readonly timestamp: string
  readonly extra: Readonly<Record<string, unknown>> | null
}

/** Makes a log line: the message cut to size, and a copy of `extra` that is certain to be JSON. */
export function logLine(level: LogLevel, message: string, nodeId = '', extra?: unknown): LogLine {
  return {
    level,
    message: truncate(message, LOG_CHARS_MAX),
    node_id: truncate(nodeId, 256),
    timestamp: new Date().toISOString(),
    extra: extra === undefined ? null : snapshot(extra),
  }
}

function snapshot(extra: unknown): Readonly<Record<string, unknown>> {
  try {
    const text = stringifyExact(extra)
    if (text.length <= LOG_CHARS_MAX && !text.includes('\\u0000')) {
      return fromText(text as JsonText) as Readonly<Record<string, unknown>>
    }
    return { omitted: `${text.length} characters` }
  } catch {
    return { omitted: 'not JSON' }
  }
}
