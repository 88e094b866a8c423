import { describe } from 'vitest'
import { eventOfFrame } from '../../adapters/fleet/robot-socket.ts'
import type { SocketId } from '../../core/base/ids.ts'
import { fromOrchestrator, fromRobot } from '../../core/protocol/decode.ts'
import { parseExact, stringifyExact } from '../../core/base/exact.ts'
import { parseJson, toText } from '../../core/base/json.ts'
import { MESSAGES } from '../../core/protocol/message.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { definitionIn } from '../../workflows/shape.ts'
import { growing } from './cost.ts'

/** Reading a frame or a body takes time proportional to its length, whatever its content. */

/** A text of about so many characters that repeats one part, between a beginning and an end. */
const filled = (before: string, part: string, after = '') => (chars: number): string =>
  before + part.repeat(Math.max(1, Math.floor((chars - before.length - after.length) / part.length))) + after

/** Texts that a reader may come to look at again and again. */
const HOSTILE: readonly [string, (chars: number) => string][] = [
  ['a bare word, and a text with quotes that never ends', filled('NaN "', '\\"')],
  ['a bare word, and quotes without number', filled('NaN ', '"')],
  ['a bare word, and texts that do not end on their line', filled('[NaN,', '"\\\n')],
  ['bare words without number', filled('[', '-Infinity,', '0]')],
  ['words that are nearly bare', filled('[NaN,', 'NaNNaN-', ']')],
  ['backslashes', filled('"', '\\')],
  ['backslashes before a quote', filled('["', '\\\\', '",1.0]')],
  ['pairs of backslash and quote', filled('[1.0,"', '\\"', '"]')],
  ['a number of that many digits', filled('[1.0,', '7', ']')],
  ['zeros between digits', filled('[1', '0', '1.0]')],
  ['numbers that are nearly too long', filled('[', `${'1'.repeat(999)}.0,`, '0]')],
  ['numbers that are written unlike doubles', filled('[', '1.0,', '0]')],
  ['texts that look like numbers', filled('[1.0,', '"\\u00001",', '0]')],
  ['escapes', filled('{"a":1.0,"b":"', '\\u0000', '"}')],
  ['halves of surrogates', filled('["', '\\ud800', '"]')],
  ['brackets that open', filled('', '[')],
  ['objects in objects', filled('', '{"a":')],
  ['lists in lists', (chars) => '['.repeat(chars / 2) + ']'.repeat(chars / 2)],
  ['keys', (chars) => `{${Array.from({ length: chars / 12 }, (_, i) => `"k${i}":1.0`).join(',')}}`],
  ['one key again and again', filled('{', '"__proto__":1,', '"a":1}')],
  ['commas', filled('[', ',')],
  ['spaces', filled('', ' ', '1.0')],
  ['letters that are marks', filled('["e', '\u0301', '"]')],
]

describe.each(HOSTILE)('%s', (_name, make) => {
  growing('as a body', make, (text) => {
    const read = parseJson(text)
    if (!isRefusal(read)) toText(read.written)
  })
  growing('as a frame', make, (text) => eventOfFrame('s' as SocketId, text))
  growing('as a frame of the orchestrator', make, fromOrchestrator)
  growing('as text for a program', make, (text) => {
    try {
      stringifyExact(parseExact(text))
    } catch {
      // Most of them are not JSON.
    }
  })
})

describe.each(Object.entries(MESSAGES))('%s', (type, { from, payload: { entries } }) => {
  const read: (text: string) => unknown = from === 'orchestrator' ? fromOrchestrator : fromRobot
  const fields = Object.keys(entries)
  const message = (value: string): string =>
    `{"type":"${type}","id":"m","payload":{${fields.map((field) => `"${field}":${value}`).join(',')}}}`

  const VALUES: readonly [string, (chars: number) => string][] = [
    ['text', filled('"', 'x', '"')],
    ['marks', filled('"', '\u0301', '"')],
    ['escapes', filled('"', '\\u0000', '"')],
    ['lines', filled('"', '\\r\\n', '"')],
    ['numbers', filled('[', '1.0,', '0]')],
    ['texts', filled('[', '"a",', '"b"]')],
    ['objects', filled('[', '{"message":"a","level":"b"},', '0]')],
    ['keys', (chars) => `{${Array.from({ length: chars / 12 }, (_, i) => `"k${i}":1`).join(',')}}`],
    ['depth', (chars) => '['.repeat(chars / 2) + ']'.repeat(chars / 2)],
  ]
  for (const [name, make] of VALUES) {
    growing(name, (chars) => message(make(Math.ceil(chars / fields.length))), read, { from: 1 << 16 })
  }
})

describe.each(HOSTILE.filter(([, make]) => make(100).startsWith('{')))('a definition with %s', (_name, make) => {
  growing(
    'in a wrapper',
    (chars) => `{"x":${make(chars)},"workflow":{"nodes":{}}}`,
    (text) => definitionIn(text, { workflow: {} }),
  )
})
