import { describe, expect, test } from 'vitest'
import { readSubmission } from '../../adapters/form/submission.ts'
import { decodeBody, isPercentUtf8 } from '../../adapters/net/charset.ts'
import { discord } from '../../adapters/chat/discord.ts'
import { slack } from '../../adapters/chat/slack.ts'
import { teams } from '../../adapters/chat/teams.ts'
import { telegram } from '../../adapters/chat/telegram.ts'
import { readQuery } from '../../adapters/http/kit/query.ts'
import { bearerCredential, pageFrom } from '../../adapters/http/kit/request.ts'
import { PageQuery } from '../../core/api/query.ts'
import { requestIdIn } from '../../adapters/http/kit/response.ts'
import { isInRanges, isRange } from '../../adapters/net/client-address.ts'
import { verifySignature } from '../../adapters/crypto/signatures.ts'
import { readMail } from '../../adapters/sources/mail.ts'
import { idempotencyOf } from '../../adapters/commands/jobs.ts'
import { nextDue, readCron } from '../../core/records/cron.ts'
import { parseDate, parseInstant } from '../../core/base/instant.ts'
import { cut, oneLine } from '../../core/base/text.ts'
import { FIELD_TYPES, valueOf } from '../../core/trigger-types/form-value.ts'
import { canonicalNumber, compareNumbers, fitsDouble, isJsonNumber, isWhole } from '../../core/base/number.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { definitionNeeds, repertoireOf } from '../../core/protocol/repertoire.ts'
import { retryAfterSeconds } from '../../core/base/retry-after.ts'
import { newRobotId } from '../../core/protocol/robot-id.ts'
import { zoneProblem } from '../../core/records/zone.ts'
import { evaluate } from '../../robot/expression.ts'
import { logLine } from '../../robot/log-line.ts'
import { Variables } from '../../robot/variables.ts'
import * as v from 'valibot'
import { configOf, replyTo } from '../unit/chat/call.ts'
import { growing, step } from './cost.ts'

/** Other input from outside: headers, queries, bodies, chats, mail, dates, and the input of robots. */

const filled = (before: string, part: string, after = '') => (chars: number): string =>
  before + part.repeat(Math.max(1, Math.floor((chars - before.length - after.length) / part.length))) + after

/** Parts that a reader may look at again and again when they are repeated. */
const PARTS = [
  ' ',
  '\t',
  ',',
  ';',
  '=',
  '"',
  '\\"',
  "'",
  '.',
  ':',
  '/',
  '-',
  '+',
  '%',
  '%2',
  '&',
  '<',
  '>',
  '</',
  '<!--',
]
const WORDS = [
  '0',
  'a',
  '1,',
  'a=b;',
  '\u0301',
  '\ud800',
  '\u00e9',
  '\r\n',
  '{{',
  '{{ ',
  '}}',
  '[',
  '[ ',
  ']',
  '(',
  '$',
  '@',
]
const ALL = [...PARTS, ...WORDS]

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text))
const KEY = 'a key of sixteen characters'
const signing = { key: KEY, header: 'x-sig', algorithm: 'sha256', encoding: 'hex', prefix: '' } as const

/** Headers are bounded by every runtime. */
const HEADER = { from: 1_024, to: 32_768 }

describe.each(ALL)('headers and queries of %j', (part) => {
  growing('are read', filled('Bearer ', part, 'x'), (text) => {
    bearerCredential(text)
    readQuery({ limit: text, cursor: text }, PageQuery)
    pageFrom({ limit: 1, cursor: text })
    requestIdIn(text)
    idempotencyOf(text, { id: 'k' as never }, {})
    idempotencyOf(`"${text}`, { id: 'k' as never }, {})
    decodeBody(new Uint8Array(), `application/json; charset=${text}`)
    decodeBody(new Uint8Array(), text)
    isPercentUtf8(text)
    isRange(text)
    isInRanges(text, ['10.0.0.0/8', '::1'])
    retryAfterSeconds(text, 0, Date.parse)
    retryAfterSeconds(`Sun, ${text}`, 0, Date.parse)
  }, HEADER)

  growing('signatures', filled('t=1,v1=', part, 'x'), async (text) => {
    const call = { bytes: bytesOf('{}'), header: () => text, now: 0 }
    for (const auth of ['standard_webhooks', 'github', 'stripe', 'slack', 'shopify', 'hmac', 'teams'] as const) {
      await verifySignature(auth, signing as never, call)
      await verifySignature(auth, signing as never, {
        ...call,
        header: (name) => /sig|hmac|auth/.test(name) ? text : '0',
      })
    }
  }, HEADER)

  growing('dates, zones and ids', filled('2026-01-01T', part, 'Z'), (text) => {
    parseInstant(text)
    parseDate(text)
    zoneProblem(text)
    v.safeParse(newRobotId, text)
    readCron(text, 'UTC')
    cut(text, text.length - 1)
    cut(text, 100)
    oneLine(text)
  })

  growing('a form', filled('a=', part, 'x'), async (text) => {
    await readSubmission('application/x-www-form-urlencoded', bytesOf(text), 100)
    await readSubmission('multipart/form-data; boundary=x', bytesOf(`--x\r\n${text}\r\n--x--`), 100)
    await readSubmission(`multipart/form-data; boundary=${text.slice(0, 8_000)}`, bytesOf(text), 100)
  }, { from: 4_096, to: 1 << 18 })

  growing('what is written into a field', filled('', part, 'x'), (text) => {
    for (const type of FIELD_TYPES) {
      valueOf({ type, name: 'a', max_length: text.length, options: [{ value: text, label: 'x' }] }, [text, text])
      valueOf({ type, name: 'a', pattern: '^(a+)+$|.*[a-z]{2,5}x' }, [text])
    }
  }, { from: 4_096, to: 1 << 18 })
})

describe.each(ALL)('a chat message of %j', (part) => {
  const call = (text: string, type = 'application/json') => ({ bytes: bytesOf(text), header: () => type, now: 0 })
  const bot = { user_filter: ['*'], bot_name: 'bot', message_pattern: 'a*b*c' }
  growing('is read', filled('', part, 'x'), (text) => {
    const written = JSON.stringify(text)
    const payload =
      `{"type":2,"id":"1","data":{"name":${written},"options":[{"name":"a","value":${written}}]},"member":{"user":{"id":"1"}}}`
    discord.read(call(payload), configOf({ platform: 'discord', ...bot }))
    const event =
      `{"type":"event_callback","event_id":"1","authorizations":[{"user_id":"U1"}],"event":{"type":"message","ts":"1.1","text":${written}}}`
    slack.read(call(event), configOf({ platform: 'slack', ...bot }))
    slack.read(
      call(`command=%2Fgo&text=${encodeURIComponent(text.toWellFormed())}`, 'application/x-www-form-urlencoded'),
      configOf({ platform: 'slack', ...bot }),
    )
    teams.read(
      call(`{"type":"message","id":"1","text":${written},"from":{"id":"1"}}`),
      configOf({ platform: 'teams', ...bot }),
    )
    const update =
      `{"update_id":1,"message":{"message_id":1,"date":1,"text":${written},"chat":{"id":1,"type":"private"},"from":{"id":1}}}`
    telegram.read(call(update), configOf({ platform: 'telegram', ...bot }))
  }, { from: 4_096, to: 1 << 17 })
})

describe.each([
  ...ALL,
  '</style',
  '<style>',
  '<pre>',
  '<td',
  '&#1',
  '=?utf-8?q?=41?= ',
  '"a" <a@b.c>, ',
  '=\r\n',
  'a@b,',
])(
  'mail of %j',
  (part) => {
    const read = (text: string) => readMail(bytesOf(text), { id: '1:1', at: 0, size: text.length })
    const HTML = 'Content-Type: text/html\r\n\r\n<style>'
    // Each line costs the parser as much as a hundred characters do; how many there may be is bounded.
    growing('in its text', filled(HTML, part, '\r\n'), read, { from: 4_096, to: 1 << 18, times: 20 })
    growing(
      'in its headers',
      (chars) => {
        const value = part.replaceAll('\r\n', ' ').repeat(chars / part.length / 4)
        return ['Subject', 'From', 'To', 'Content-Type', 'Date'].map((name) => `${name}: ${value}\r\n`).join('') +
          '\r\nx'
      },
      read,
      { from: 4_096, to: 1 << 16 },
    )
  },
)

describe.each(ALL)('a robot that is given %j', (part) => {
  const variables = new Variables({}, { a: 'x' }, () => {})
  growing('reads templates and expressions', filled('{{ ', part, ' '), (text) => {
    variables.fill(text)
    variables.fill(`{{${text}}}`)
    variables.fill(`{{a}}${text}`)
    logLine('INFO', text, text, { text })
    for (const given of [text.slice(0, 10_000), `'${text.slice(0, 9_000)}`]) {
      try {
        evaluate(given, () => 1)
      } catch {
        // Most of them are none.
      }
    }
  }, { from: 4_096, to: 1 << 18 })
})

describe('numbers', () => {
  const TOKENS = [
    '1'.repeat(1_000),
    `1e${'9'.repeat(990)}`,
    `0.${'0'.repeat(990)}1`,
    `1${'0'.repeat(990)}.0`,
    `-${'9'.repeat(500)}e-${'9'.repeat(400)}`,
  ]
  for (const token of TOKENS) {
    step(`of ${token.length} characters: ${token.slice(0, 12)}`, () => {
      const read = [fitsDouble, isWhole, canonicalNumber, isJsonNumber, (given: string) => compareNumbers(given, '1')]
      for (let i = 0; i < 100; i++) for (const one of read) one(token)
    })
  }
})

describe('cron', () => {
  const LIST = Array.from({ length: 60 }, (_, i) => i).join(',')
  const PATTERNS = [
    '0 0 30 2 *',
    '0 0 31 2,4,6,9,11 *',
    '0 0 29 2 1',
    '59 23 31 12 0',
    '* * * * *',
    `${LIST.slice(0, 150)} * * * *`,
    '0 0 1-31/31 */11 *',
    '*/1,*/1,*/1,*/1,*/1,*/1,*/1,*/1,*/1,*/1,*/1 * * * *',
  ]
  for (const pattern of PATTERNS) {
    for (const zone of ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe']) {
      step(`${pattern} in ${zone}`, () => {
        const read = readCron(pattern, zone)
        if (isRefusal(read)) return
        let at: number | null = Date.UTC(2026, 0, 5)
        for (let i = 0; i < 20 && at !== null; i++) at = nextDue(read, at)
      })
    }
  }
})

describe('what robots say of themselves', () => {
  growing(
    'node types',
    (chars) => Array.from({ length: chars / 12 }, (_, i) => `Type${i}Node`),
    (types) => repertoireOf({ node_types: types, workflows: types, formats: types }),
  )
  growing(
    'definitions',
    (chars) =>
      `{"nodes":{${Array.from({ length: chars / 40 }, (_, i) => `"n${i}":{"node_type":"A${i}Node"}`).join(',')}}}`,
    definitionNeeds,
  )
})

test('a reply of a platform is one', () => {
  expect(
    replyTo(discord, { bytes: bytesOf('{"type":1}'), header: () => undefined, now: 0 }, {
      platform: 'discord',
      user_filter: ['*'],
    }).status,
  ).toBe(200)
})
