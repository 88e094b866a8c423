import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { validate } from '../../adapters/http/kit/request.ts'
import { idempotencyOf, submitJob } from '../../adapters/commands/jobs.ts'
import type { JsonText, KeyId } from '../../core/base/ids.ts'
import { parametersOf, passesFilter, selectionProblem } from '../../core/triggers/selection.ts'
import { fromRobot } from '../../core/protocol/decode.ts'
import { encode } from '../../core/protocol/encode.ts'
import { fromText, type JsonObject, NUMBER_CHARS_MAX, type Parsed, parseJson, toText } from '../../core/base/json.ts'
import { canonicalNumber, compareNumbers, fitsDouble, isWhole } from '../../core/base/number.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { Submission } from '../../core/api/jobs.ts'
import { nodePlatform } from '../../adapters/node/platform.ts'
import { jsonText, numeral, objectText } from './numerals.ts'

/** Numbers are passed on digit for digit, and where one is read it is read exactly or not at all. */

function parsed(text: string): Parsed {
  const read = parseJson(text)
  if (isRefusal(read)) throw new Error(read.message)
  return read
}

describe('what passes through', () => {
  test('is written as it was read, whatever numbers it has, and read as ever', () => {
    fc.assert(fc.property(jsonText, (text) => {
      const { json, written } = parsed(text)
      expect(toText(written)).toBe(text)
      expect(toText(fromText(text as JsonText))).toBe(text)
      expect(JSON.stringify(json)).toBe(JSON.stringify(JSON.parse(text)))
    }))
  })

  test('is the same object where its numbers are written as those of a double', () => {
    const { json, written } = parsed(
      '{"a":[1,-2.5,0.1,1e+21,0.30000000000000004],"at":"2026-01-01T00:00:00.000Z, 1.0"}',
    )
    expect(written).toBe(json)
  })

  test('from the spaces between to the repairs: texts, bare words and surrogates', () => {
    const { json, written } = parsed(' { "a" :\t1.0 ,\n"\\ud800" : [ NaN , 1e400 ] , "b" : "\\\\\\"1.0" } ')
    expect(json).toEqual({ a: 1, '\ufffd': [null, Infinity], b: '\\"1.0' })
    expect(toText(written)).toBe('{"a":1.0,"\ufffd":[null,1e400],"b":"\\\\\\"1.0"}')
    expect(toText(written, 1)).toBe('{\n "a": 1.0,\n "\ufffd": [\n  null,\n  1e400\n ],\n "b": "\\\\\\"1.0"\n}')
  })

  test('has no text that could be taken for a number', () => {
    expect(parseJson('{"a":"\\u00001","b":1.0}')).toMatchObject({ refused: 'INVALID_PAYLOAD' })
    expect(toText({ a: ':"\\u00001.0"', b: 'x\u0000"1' })).toBe(JSON.stringify({ a: ':"\\u00001.0"', b: 'x\u0000"1' }))
  })

  test('that is no JSON is refused as ever', () => {
    fc.assert(
      fc.property(
        jsonText,
        fc.nat(),
        fc.constantFrom('', '"', '\\', '\\"', '1.0', '-', '{1.0:2}'),
        (text, at, more) => {
          const place = at % (text.length + 1)
          const broken = text.slice(0, place) + more
          const parses = (parse: (text: string) => unknown): boolean => {
            try {
              parse(broken)
              return true
            } catch (error) {
              return !(error instanceof SyntaxError)
            }
          }
          expect(parses((json) => fromText(json as JsonText))).toBe(parses(JSON.parse))
        },
      ),
    )
  })

  test('has a bound on the length of a number', () => {
    const digits = (count: number) => parseJson(`{"text":"${'1'.repeat(5_000)}","a":${'1'.repeat(count)}}`)
    expect(digits(NUMBER_CHARS_MAX)).toHaveProperty('json')
    expect(digits(NUMBER_CHARS_MAX + 1)).toMatchObject({ message: expect.stringContaining('1000 characters') })
  })
})

describe('the value of a number', () => {
  /** Both as whole numbers of the smallest place that either has. */
  function scaled(...tokens: readonly string[]): readonly bigint[] {
    const parts = tokens.map((token) => {
      const [mantissa = '', power = '0'] = token.toLowerCase().split('e')
      const [whole = '', fraction = ''] = mantissa.split('.')
      return {
        digits: BigInt(whole + fraction),
        negative: token.startsWith('-'),
        power: Number(power) - fraction.length,
      }
    })
    const least = Math.min(...parts.map(({ power }) => power))
    return parts.map(({ digits, power }) => digits * 10n ** BigInt(power - least))
  }

  test('is compared as it is', () => {
    fc.assert(fc.property(numeral, numeral, (a, b) => {
      const [one = 0n, other = 0n] = scaled(a, b)
      expect(Math.sign(compareNumbers(a, b))).toBe(one < other ? -1 : one > other ? 1 : 0)
      expect(canonicalNumber(a) === canonicalNumber(b)).toBe(one === other)
    }))
  })

  test('is kept by a double, or is not', () => {
    fc.assert(fc.property(numeral, (token) => {
      const double = Number(token)
      const [exact, nearest] = Number.isFinite(double) ? scaled(token, String(double)) : [0n, 1n]
      expect(fitsDouble(token)).toBe(exact === nearest)
      expect(isWhole(token)).toBe(scaled(token, '1').reduce((value, one) => value % one) === 0n)
    }))
  })
})

describe('frames of robots', () => {
  test('[P59] results and what goes with log lines are as they were written, and so are ids of messages', () => {
    fc.assert(fc.property(jsonText, objectText, numeral, (result, extra, id) => {
      const done = fromRobot(
        `{"type":"job_complete","id":${id},"payload":{"job_id":"j","robot_id":"r","duration_ms":1.0,"result":${result}}}`,
      )
      if (!('payload' in done) || done.type !== 'job_complete') throw new Error('it was not decoded')
      expect(toText(done.payload.result)).toBe(result === 'null' ? '{}' : result)
      expect(done.payload.duration_ms).toBe(1)
      expect(toText(done.id)).toBe(id)
      const line = `{"level":"INFO","message":"m","extra":${extra}}`
      const logged = fromRobot(
        `{"type":"log_batch","payload":{"job_id":"j","robot_id":"r","entries":[{"level":"INFO","message":""},${line}]}}`,
      )
      if (!('payload' in logged) || logged.type !== 'log_batch') throw new Error('it was not decoded')
      expect(toText(logged.payload.entries[1]?.extra)).toBe(extra)
    }))
  })

  const end = (result: string) =>
    fromRobot(`{"type":"job_complete","payload":{"job_id":"j","robot_id":"r","duration_ms":"5","result":${result}}}`)

  test('[P59] digits are kept beside whatever else is mended', () => {
    const done = end('{"\\u0000a":"x\\u00001","b":[1.0,"\\u00001.0",NaN],"c":"\\ud800"}')
    if (!('payload' in done) || done.type !== 'job_complete') throw new Error('it was not decoded')
    expect(toText(done.payload.result)).toBe('{"\ufffda":"x\ufffd1","b":[1.0,"\ufffd1.0",null],"c":"\ufffd"}')
    expect(done.payload.duration_ms).toBe(5)
  })

  test('[P59] however deep a message is', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const done = fromRobot(
      `{"type":"job_complete","payload":{"job_id":"j","robot_id":"r","stack_trace":${deep},"result":[1.0]}}`,
    )
    if (!('payload' in done) || done.type !== 'job_complete') throw new Error('it was not decoded')
    expect(toText(done.payload.result)).toBe('[1.0]')
  })

  test('[P59] a result with a number that is too long ends its job, and says so', () => {
    expect(end(`[${'9'.repeat(NUMBER_CHARS_MAX)}]`)).not.toHaveProperty('flaws.resultProblem.error_type')
    expect(end(`{"a":[${'9'.repeat(NUMBER_CHARS_MAX + 1)}]}`)).toMatchObject({
      flaws: { resultProblem: { error_type: 'RESULT_TOO_LARGE', why: 'has a number of more than 1000 characters' } },
    })
  })

  test('[P59] parameters leave as they came', () => {
    fc.assert(fc.property(objectText, (text) => {
      const frame = encode(
        {
          type: 'job_assign',
          payload: {
            job_id: 'j',
            workflow_id: 'w',
            workflow_name: '',
            workflow_json: '{"a":1.0}',
            priority: 1,
            timeout_seconds: 1,
            parameters: fromText(text as JsonText) as JsonObject,
          },
        },
        'id',
        'time',
      )
      expect(frame).toContain(`"parameters":${text}`)
      expect(frame).toContain('"workflow_json":"{\\"a\\":1.0}"')
    }))
  })
})

describe('submissions', () => {
  const body = (text: string) => validate(parseJson(text), Submission)

  test('parameters and definitions are as they were written', () => {
    fc.assert(fc.property(objectText, objectText, (parameters, definition) => {
      const json = `{"format":"custom","own":${definition}}`
      const read = body(`{"workflow_json":${json},"parameters":${parameters},"timeout_seconds":60.0}`)
      if (isRefusal(read)) throw new Error(read.message)
      const command = submitJob(nodePlatform(), read, 'test', null, null)
      if (isRefusal(command)) throw new Error(command.message)
      expect(command).toMatchObject({
        parameters,
        timeout_ms: 60_000,
        workflow: { definition: { json } },
      })
    }))
  })

  test.each([
    ['{"workflow_id":"w","timeout_seconds":60.00000000000000000001}', 'timeout_seconds'],
    ['{"workflow_id":"w","priority":1e400}', 'priority'],
    ['{"workflow_id":"w","retry_on":["a",12345678901234567890]}', 'retry_on.1'],
  ])('a number that is read is read exactly or refused: %s', (text, path) => {
    expect(body(text)).toMatchObject({
      refused: 'INVALID_PAYLOAD',
      message: expect.stringContaining(`Field ${path}: `),
      details: { fields: [path] },
    })
  })

  const fingerprint = (number: string): string | undefined => {
    const read = body(`{"workflow_id":"w","parameters":{"order":[${number}]}}`)
    const known = isRefusal(read) ? read : idempotencyOf('key', { id: 'k' as KeyId }, read)
    return known === null || isRefusal(known) ? undefined : known.fingerprint
  }

  test('two requests are one where their numbers have one value, however they are written', () => {
    for (const same of ['1', '1.0', '1e0', '10E-1']) expect(fingerprint(same)).toBe(fingerprint('1'))
    expect(fingerprint('1e400')).toBe(fingerprint('10e399'))
    fc.assert(fc.property(numeral, numeral, (a, b) => {
      expect(fingerprint(a) === fingerprint(b)).toBe(compareNumbers(a, b) === 0)
    }))
  })
})

describe('filters and mappings', () => {
  const event = fromText(
    `{"payload":{"id":9007199254740993,"one":1.0,"huge":1e400,"fine":1.12345678901234567890,"list":[1e400,5,"1e400"],
      "lines":[{"sku":"a","no":9007199254740993},{"sku":"b","no":9007199254740992}]}}` as JsonText,
  ) as JsonObject

  test.each<[string, boolean]>([
    ['@.payload.id == 9007199254740993', true],
    ['@.payload.id == 9007199254740992', false],
    ['@.payload.id != 9007199254740992', true],
    ['@.payload.id > 9007199254740992', true],
    ['@.payload.id <= 9007199254740992', false],
    ['@.payload.one == 1', true],
    ['@.payload.one < 1.0000000000000000000000001', true],
    ['@.payload.huge == 1e400', true],
    ['@.payload.huge >= 10e399', true],
    ['@.payload.huge > 1e308 && @.payload.huge < 1e401', true],
    ['@.payload.huge == "1e400"', false],
    ['@.payload.huge < "x"', false],
    ['@.payload.huge != @.payload.nothing', true],
    ['@.payload.fine == 1.1234567890123456789', true],
    ['@.payload.fine == 1.1234567890123457', false],
    ['@.payload.list[0] == @.payload.huge', true],
    ['@.payload.lines[?@.no == 9007199254740992]', true],
    ['@.payload.lines[?@.no < 9007199254740992]', false],
    ['!(@.payload.id < 0)', true],
    ['length(@.payload.id) == 16', false],
    ["match(@.payload.id, '.*')", false],
    ['count(@.payload.lines[*]) == 2', true],
  ])('%s: %s', (filter, passed) => {
    expect(selectionProblem({ filter, mapping: null })).toBeNull()
    expect(passesFilter(filter, event)).toBe(passed)
  })

  test.each([
    ['/payload/id', '9007199254740993'],
    ['$.payload.one', '1.0'],
    ['$.payload.list', '[1e400,5,"1e400"]'],
    ['$.payload.lines[?@.no > 9007199254740992].no', '[9007199254740993]'],
    ['$..no', '[9007199254740993,9007199254740992]'],
  ])('a mapping picks %s digit for digit', (path, text) => {
    expect(parametersOf('{"own":1.0}' as JsonText, { it: path }, event)).toBe(`{"own":1.0,"it":${text}}`)
  })

  test('a filter compares any two numbers by their values', () => {
    fc.assert(fc.property(numeral, numeral, (a, b) => {
      const order = compareNumbers(a, b)
      const given = fromText(`{"payload":{"a":${a},"b":${b}}}` as JsonText) as JsonObject
      expect(passesFilter('@.payload.a < @.payload.b', given)).toBe(order < 0)
      expect(passesFilter('@.payload.a >= @.payload.b', given)).toBe(order >= 0)
      expect(passesFilter('@.payload.a == @.payload.b', given)).toBe(order === 0)
    }))
  })
})
