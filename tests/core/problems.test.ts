import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { API } from '../../core/api/index.ts'
import * as jobBodies from '../../core/api/jobs.ts'
import * as otherBodies from '../../core/api/request.ts'
import type { Contract } from '../../core/api/route.ts'
import { unknownName } from '../../core/base/suggest.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { MESSAGES } from '../../core/protocol/message.ts'
import { checkValue, invalidFields, problemText } from '../../core/protocol/problems.ts'
import { FileReport } from '../../core/trigger-types/file-watch.ts'
import { configOf, TRIGGER_TYPE_NAMES } from '../../core/trigger-types/index.ts'
import { SettingsFile } from '../../adapters/fleet/settings.ts'
import { WorkflowDefinition } from '../../workflows/definition.ts'

/** The sentences about a value that does not fit its schema. */

function textsFor(schema: v.GenericSchema, value: unknown): readonly string[] {
  const read = checkValue(schema, value)
  return 'problems' in read ? read.problems.map(({ text }) => text) : []
}

describe('unknown fields', () => {
  const said = (body: object): string => textsFor(jobBodies.Submission, { workflow_id: 'w', ...body }).join('; ')

  test('the one that may have been meant is named', () => {
    expect(said({ prioritty: 1 })).toBe('Unknown field prioritty; did you mean priority?')
    expect(said({ Priority: 1 })).toBe('Unknown field Priority; did you mean priority?')
    expect(said({ timeout: 1 })).toBe('Unknown field timeout; did you mean timeout_seconds?')
    expect(said({ retrySafety: 'always' })).toBe('Unknown field retrySafety; did you mean retry_safety?')
    expect(said({ x: 1 })).toBe('Unknown field x')
  })

  test('where there are few, they are listed', () => {
    expect(textsFor(jobBodies.Cancellation, { x: 1 })).toEqual(['Unknown field x: use reason'])
    expect(textsFor(v.strictObject({}), { x: 1 })).toEqual(['Unknown field x: there are none here'])
  })

  test('all of them at once, with what else is wrong', () => {
    const read = checkValue(jobBodies.Submission, {
      prioritty: 1,
      environmnt: 'x',
      timeout_seconds: '1',
      max_attempts: 0.5,
    })
    const refusal = invalidFields('problems' in read ? read.problems : [])
    expect(refusal.message).toBe(
      'Field timeout_seconds: must be a number; Field max_attempts: must be a whole number; ' +
        'Field max_attempts: must be at least 1; Unknown field prioritty; did you mean priority?; ' +
        'Unknown field environmnt; did you mean environment?',
    )
    expect(refusal.details).toEqual({ fields: ['timeout_seconds', 'max_attempts', 'prioritty', 'environmnt'] })
  })

  test('by their paths, wherever they are', () => {
    const wrong = (type: 'form' | 'workflow_call' | 'email' | 'file_watch', config: object): string => {
      const read = configOf(type, config as JsonObject)
      return isRefusal(read) ? `${read.message} ${JSON.stringify(read.details['fields'])}` : ''
    }
    expect(wrong('workflow_call', { call_alias: 'a', after: { workflows: ['w'], status: [] } })).toBe(
      'Unknown field config.after.status; did you mean config.after.statuses? ["config.after.status"]',
    )
    expect(wrong('form', { fields: [{ name: 'a', type: 'text', lable: 'A' }] })).toBe(
      'Unknown field config.fields.0.lable; did you mean config.fields.0.label? ["config.fields.0.lable"]',
    )
    expect(wrong('form', { fields: [{ name: 'a', type: 'select', options: [{ value: 'a', lable: 'A' }] }] })).toContain(
      'config.fields.0.options.0',
    )
    expect(wrong('email', { adress: 'a@example.org' })).toContain('Missing required field: config.server')
    expect(wrong('email', { address: 'a@example.org', subject: 'x' })).toContain('did you mean config.subject_filter?')
    expect(wrong('file_watch', { reported: true, pattern: [] })).toContain('did you mean config.patterns?')
    expect(wrong('file_watch', { reported: true, watch_path: '/x' })).toContain('Unknown field config.watch_path')
    expect(wrong('file_watch', { reported: 1 })).toBe(
      'Field config.reported: must be false or true ["config.reported"]',
    )
    expect(wrong('workflow_call', {})).toBe('Field config: needs a call_alias, or after ["config"]')
  })

  test('however many there are, and however long', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`${'prioritty'.repeat(9)}${at}`, 1]))
    const read = checkValue(jobBodies.Submission, { workflow_id: 'w', ...many, ['x'.repeat(100_000)]: 1 })
    const problems = 'problems' in read ? read.problems : []
    expect(problemText(problems).length).toBeLessThan(1_500)
    expect(problemText(problems)).toMatch(/; and 90 more$/)
    expect(invalidFields(problems).details['fields']).toHaveLength(100)
  })

  test('a name that nothing is like', () => {
    expect(unknownName('field', 'zzz', ['name', 'tags'])).toBe('Unknown field zzz: use name, tags')
    expect(unknownName('field', 'ab', ['id'])).toBe('Unknown field ab: use id')
  })
})

describe('no sentence of the library gets through', () => {
  const ALL: readonly (readonly [string, v.GenericSchema])[] = [
    ...Object.entries(otherBodies).flatMap(([name, value]) => isSchema(value) ? [[name, value] as const] : []),
    ...Object.values<Contract>(API).flatMap((routes) => Object.values(routes)).flatMap(({ at, body, query }) => [
      ...body === undefined ? [] : [[`the body of ${at}`, body] as const],
      ...query === undefined ? [] : [[`the query of ${at}`, query] as const],
    ]),
    ['FileReport', FileReport],
    ['SettingsFile', SettingsFile],
    ['WorkflowDefinition', WorkflowDefinition],
    ...Object.entries(MESSAGES).map(([type, { payload }]) => [type, payload] as const),
  ]
  const LIBRARY =
    /Invalid [a-z]+:|Expected |[Rr]eceived|undefined|unknown\b|is not valid|[<>=!]=?\d|!0|\bObject\b|\bArray\b/

  test('there are schemas to look at', () => expect(ALL.length).toBeGreaterThan(35))

  test.each(ALL)('of %s', (_name, schema) => {
    const bad = wrongFor(schema as Shape).flatMap((value) => textsFor(schema, value)).filter((text) =>
      LIBRARY.test(text)
    )
    expect([...new Set(bad)]).toEqual([])
  })

  test.each(TRIGGER_TYPE_NAMES)('of the config of %s', (type) => {
    const some = [{}, ...FILLED.flatMap((base) => wrongMembers(base))]
    const bad = some.map((config) => configOf(type, config as JsonObject)).filter(isRefusal)
      .map(({ message }) => message).filter((message) => LIBRARY.test(message))
    expect([...new Set(bad)]).toEqual([])
  })
})

/** Configs with every field that one may have, to be made wrong one at a time. */
const FILLED: readonly JsonObject[] = [
  { schedule_id: 's' },
  {
    server: 'a',
    port: 1,
    tls: 'none',
    username: 'u',
    folder: 'f',
    from_filter: '',
    subject_filter: '',
    poll_seconds: 60,
    mark_seen: true,
  },
  { address: 'a@b', from_filter: '', subject_filter: '' },
  {
    reported: false,
    watch_path: '/x',
    recursive: true,
    debounce_ms: 1,
    settle_ms: 1,
    patterns: ['*'],
    events: ['created'],
  },
  { reported: true, patterns: ['*'], events: ['created'] },
  {
    platform: 'slack',
    message_pattern: 'x',
    command_filter: [],
    channel_filter: [],
    user_filter: [],
    bot_filter: true,
    reply: 'none',
  },
  { call_alias: 'a', required: [], allowed_callers: [], after: { workflows: ['w'], statuses: ['failed'] } },
  {
    title: 't',
    description: '',
    fields: [{ name: 'a', type: 'text', min_length: 1, pattern: 'x', default: 'x' }],
    redirect_url: null,
  },
  { fields: [{ name: 'a', type: 'select', options: [{ value: 'a', label: 'A' }], default: 'a' }] },
]

const WRONG: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  ' ',
  'x',
  '\0',
  '(',
  'x'.repeat(20_000),
  [],
  [null],
  [[]],
  [''],
  Array(10_001).fill('a'),
  {},
  { x: 1 },
]

/** The object with each of its members, however deep, made wrong in every way, left out, or misspelt. */
function wrongMembers(given: unknown): unknown[] {
  if (Array.isArray(given)) return given.flatMap((item: unknown) => wrongMembers(item).map((one) => [one]))
  if (typeof given !== 'object' || given === null) return []
  return Object.entries(given).flatMap(([key, value]) => {
    const { [key]: _, ...rest } = given as JsonObject
    return [
      rest,
      { ...rest, [`${key}x`]: value },
      ...[...WRONG, ...wrongMembers(value)].map((one) => ({ ...rest, [key]: one })),
    ]
  })
}

interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>
  readonly item?: Shape
  readonly wrapped?: Shape
  readonly options?: readonly unknown[]
}

/** Values that a schema refuses: those that no schema takes, and objects of which one member is wrong at a time. */
function wrongFor(shape: Shape): unknown[] {
  if (shape.wrapped !== undefined) return wrongFor(shape.wrapped)
  const options = (shape.options ?? []).filter((option) => typeof option === 'object' && option !== null) as Shape[]
  return [
    ...WRONG,
    ...options.flatMap(wrongFor),
    ...shape.item === undefined ? [] : wrongFor(shape.item).map((item) => [item]),
    ...Object.entries(shape.entries ?? {}).flatMap(([key, entry]) => [
      { [`${key}x`]: 1 },
      ...wrongFor(entry).map((value) => ({ [key]: value })),
    ]),
  ]
}

function isSchema(given: unknown): given is v.GenericSchema {
  return typeof given === 'object' && given !== null && 'kind' in given && given.kind === 'schema'
}
