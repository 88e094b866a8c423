import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logText } from '../../adapters/views/log-text.ts'
import type { Queries } from '../../adapters/store/contract.ts'
import { job, running } from './bench.ts'
import { escapedLine, oneLine, shownJson } from '../../core/base/text.ts'

/** Text of others, where it is read as lines. */

const HOSTILE = 'a\u001b[2Jb\nc\r\td \u0007 \u202etxt.exe\u202c \u200bx\u2066y\u2069 \u{e0041}z \u2028\u0085e \u009b1m'
/** Characters that end a line in a file, a terminal or an editor, and those that a terminal interprets. */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}]/u
const UNSEEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u
/** Signs of some scripts, which are seen. */
const SEEN = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}\u{13430}-\u{1343f}]/gu

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...HOSTILE, '"', '\\', '\ud800') }),
)

test('a line for people has nothing that a terminal would obey, or that nobody sees', () => {
  expect(oneLine(HOSTILE)).toBe('a\ufffd[2Jb c d \ufffd txt.exe xy z \ufffde \ufffd1m')
  fc.assert(fc.property(texts, (text) => {
    const line = oneLine(text)
    expect(line).not.toMatch(OBEYED)
    expect(line.replace(SEEN, '')).not.toMatch(UNSEEN)
  }))
})

test('JSON that is shown means the same, and hides nothing', () => {
  expect(shownJson(JSON.stringify({ ['\u200b']: 'a\u202eb\u0085' }, null, 1))).toBe(
    '{\n "\\u200b": "a\\u202eb\\u0085"\n}',
  )
  fc.assert(fc.property(fc.dictionary(texts, texts), (value) => {
    const shown = shownJson(JSON.stringify(value, null, 2))
    expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(value)))
    expect(shown.replaceAll('\n', '')).not.toMatch(OBEYED)
    expect(shown.replace(SEEN, '')).not.toMatch(UNSEEN)
  }))
})

describe('the log of a job as text', () => {
  const of = async (...messages: readonly string[]): Promise<readonly string[]> => {
    const fleet = running()
    const row = { timestamp: fleet.now, robot_timestamp: null, level: 'INFO' }
    const logTail = async () => messages.map((message) => ({ ...row, message }))
    return (await logText({ logTail } as unknown as Queries, job(fleet, 'j1'), '')).split('\n')
  }

  test('has one line for each, whatever is in it', async () => {
    const forged = 'done\n2026-01-05T09:00:00.000Z ERROR paid twice'
    expect(await of(forged, 'b\r\nc\td')).toEqual([
      '2026-01-05T09:00:00.000Z INFO done\\n2026-01-05T09:00:00.000Z ERROR paid twice',
      '2026-01-05T09:00:00.000Z INFO b\\r\\nc\td',
    ])
    await fc.assert(fc.asyncProperty(texts, async (text) => {
      const [line, ...more] = await of(text)
      expect(more).toEqual([])
      expect(line?.replaceAll('\t', '')).not.toMatch(OBEYED)
    }))
  })

  test('a line without anything of that kind is as it was written', () => {
    expect(escapedLine('Zoë: „schön\\n“ \u{1f469}\u200d\u{1f680}')).toBe('Zoë: „schön\\n“ \u{1f469}\u200d\u{1f680}')
  })
})
