import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { checkValue, problemText } from '../../core/protocol/problems.ts'
import { FormConfig, labelOf } from '../../core/trigger-types/form.ts'
import { numberAs } from '../../core/base/json.ts'
import { type FieldShape, type FieldType, valueOf, writtenOf } from '../../core/trigger-types/form-value.ts'

/** The fields of a form, and the parsing of values. */

describe('the fields of a form', () => {
  function problemsIn(...fields: readonly object[]): string | null {
    const read = checkValue(FormConfig, { fields })
    return 'problems' in read ? problemText(read.problems) : null
  }

  test('all there is to say', () => {
    const options = ['a', { value: 'b', label: 'B' }]
    expect(problemsIn(
      { name: 'text', type: 'text', label: 'Text', help: 'H', required: true, default: 'x', placeholder: 'y' },
      { name: 'textarea', type: 'textarea', min_length: 2, max_length: 4, default: 'abc' },
      { name: 'email', type: 'email', autocomplete: 'section-a work email', default: 'a@example.org' },
      { name: 'url', type: 'url', default: 'https://example.org/x?y#z' },
      { name: 'tel', type: 'tel', default: '+43 (1) 234-56' },
      { name: 'number', type: 'number', min: -1, max: 1.5, default: 0 },
      { name: 'integer', type: 'integer', min: 1, max: 1, default: 1 },
      { name: 'date', type: 'date', min: '2024-02-29', max: '2026-01-01', default: '2025-12-31' },
      { name: 'time', type: 'time', min: '09:00', default: '09:00:00' },
      { name: 'datetime', type: 'datetime', default: '2025-12-31T23:59' },
      { name: 'checkbox', type: 'checkbox', default: true },
      { name: 'select', type: 'select', options, default: 'b' },
      { name: 'radio', type: 'radio', options },
      { name: 'multiselect', type: 'multiselect', options, default: ['a', 'b'] },
      { name: 'hidden', type: 'hidden', default: 'seen by nobody' },
    )).toBeNull()
  })

  test('what is left out is filled in', () => {
    const { fields, ...rest } = v.parse(FormConfig, { fields: [{ name: 'a', type: 'radio', options: ['x'] }] })
    expect(fields).toEqual([
      { name: 'a', type: 'radio', help: '', required: false, options: [{ value: 'x', label: 'x' }] },
    ])
    expect(rest).toMatchObject({ description: '', submit_label: 'Send', redirect_url: null })
  })

  test.each<[string, object, string]>([
    ['no type', { name: 'a' }, 'Missing required field: fields.0.type'],
    ['another type', { name: 'a', type: 'file' }, 'Field fields.0.type: must be one of text, textarea'],
    ['no name', { type: 'text' }, 'Missing required field: fields.0.name'],
    ['a name with a space', { name: 'a b', type: 'text' }, 'Field fields.0.name: must be 1 to 64 letters'],
    ['a prototype', { name: '__proto__', type: 'text' }, 'Field fields.0.name: __proto__ has a meaning of its own'],
    ['a constructor', { name: 'constructor', type: 'text' }, 'Field fields.0.name: constructor has a meaning'],
    ['a member of the payload', { name: 'form_id', type: 'text' }, 'Field fields.0.name: form_id has a meaning'],
    [
      'a member misspelt',
      { name: 'a', type: 'text', lable: 'A' },
      'Unknown field fields.0.lable; did you mean fields.0.label?',
    ],
    ['a member of another type', { name: 'a', type: 'text', options: ['x'] }, 'Unknown field fields.0.options'],
    ['no options', { name: 'a', type: 'select' }, 'Missing required field: fields.0.options'],
    ['none in them', { name: 'a', type: 'select', options: [] }, 'Field fields.0.options: must have at least one'],
    ['one twice', { name: 'a', type: 'radio', options: ['x', 'x'] }, 'Field fields.0.options: has x twice'],
    ['a number as one', { name: 'a', type: 'radio', options: [1] }, 'Field fields.0.options.0: must be a string, or'],
    [
      'a pattern that is none',
      { name: 'a', type: 'text', pattern: '(' },
      'the pattern of a is not a regular expression',
    ],
    ['a default of another kind', { name: 'a', type: 'number', default: '1' }, 'Field fields.0.default: '],
    ['one that there is not', { name: 'a', type: 'select', options: ['x'], default: 'y' }, 'the default of a would be'],
    ['an empty one', { name: 'a', type: 'select', options: ['x'], default: '' }, 'the default of a is empty'],
    ['one that is too much', { name: 'a', type: 'number', max: 3, default: 4 }, 'the default of a would be refused'],
    ['one of another form', { name: 'a', type: 'text', pattern: 'b', default: 'a' }, 'the default of a would be'],
    ['one that is too long', { name: 'a', type: 'text', max_length: 1, default: 'xy' }, 'the default of a would be'],
    ['a day that there is not', { name: 'a', type: 'date', min: '2025-02-29' }, 'the min of a cannot be'],
    ['limits that cross', { name: 'a', type: 'integer', min: 2, max: 1 }, 'the least that a may be is more'],
    [
      'lengths that cross',
      { name: 'a', type: 'text', min_length: 2, max_length: 1 },
      'the least that a may be is more',
    ],
    ['days that cross', { name: 'a', type: 'date', min: '2025-01-02', max: '2025-01-01' }, 'the least that a may be'],
  ])('refused: %s', (_, field, words) => {
    expect(problemsIn(field)).toContain(words)
  })

  test('refused: a name twice, no field at all, too many', () => {
    const field = { name: 'a', type: 'text' }
    expect(problemsIn(field, { name: 'a', type: 'date' })).toBe('Field fields: has a twice')
    expect(problemsIn()).toBe('Field fields: must have at least one')
    expect(problemsIn(...Array.from({ length: 101 }, (_, at) => ({ ...field, name: `a${at}` })))).toContain(
      'at most 100',
    )
  })

  test('refused: more on a page than anybody should have drawn', () => {
    const options = Array.from({ length: 401 }, (_, at) => `o${at}`)
    const fields = (count: number): readonly object[] =>
      Array.from({ length: count }, (_, at) => ({ name: `a${at}`, type: 'multiselect', options }))
    expect(problemsIn(...fields(4))).toBeNull()
    expect(problemsIn(...fields(5))).toContain('must have at most 2000 options in all')
    const help = (count: number): readonly object[] =>
      Array.from({ length: count }, (_, at) => ({ name: `a${at}`, type: 'text', help: 'x'.repeat(5_000) }))
    expect(problemsIn(...help(50))).toBeNull()
    expect(problemsIn(...help(60))).toContain('must not exceed 262144 characters in all')
  })

  test.each([
    ['https://example.org/thanks?a=b#c', true],
    ['https://example.org:8443', true],
    ['/thanks', true],
    ['/', true],
    ['http://example.org', false],
    ['//example.org', false],
    ['/\\example.org', false],
    ['https://user:word@example.org/', false],
    ["https://example.org'; script-src *", false],
    ['javascript:alert(1)', false],
    ['thanks', false],
    ['https://example.org/a b', false],
  ])('redirect_url %s', (redirect_url, right) => {
    const fields = [{ name: 'a', type: 'text' }]
    expect(v.safeParse(FormConfig, { fields, redirect_url }).success).toBe(right)
  })

  test('a field that has no label is called by its name, in words', () => {
    expect(labelOf({ name: 'order_date', type: 'date' })).toBe('Order date')
    expect(labelOf({ name: '_', type: 'text' })).toBe('_')
    expect(labelOf({ name: 'a', label: 'Say what', type: 'text' })).toBe('Say what')
  })
})

describe('what is written into a field', () => {
  const OPTIONS = [{ value: 'a', label: 'A' }, { value: 'b', label: 'B' }, { value: 'c', label: 'C' }]

  test.each<[FieldType, Partial<FieldShape>, readonly string[], unknown]>([
    ['text', {}, ['  two\r\nlines '], 'two lines'],
    ['text', {}, ['   '], undefined],
    ['text', {}, [], undefined],
    ['text', { pattern: '[A-Z]{2}-\\d+' }, ['AB-12'], 'AB-12'],
    ['textarea', {}, [' one\r\ntwo\rthree\n'], 'one\ntwo\nthree'],
    ['email', {}, [' ann@example.org '], 'ann@example.org'],
    ['url', {}, ['https://example.org/?q=1'], 'https://example.org/?q=1'],
    ['tel', {}, ['+43 1 234 56 x7'], '+43 1 234 56 x7'],
    ['number', {}, ['12.50'], 12.5],
    ['number', {}, ['1e3'], 1000],
    ['number', {}, ['-0'], 0],
    ['number', {}, ['.5'], 0.5],
    ['integer', {}, ['+7'], 7],
    ['integer', {}, ['7.0'], 7],
    ['integer', {}, ['9007199254740993'], numberAs('9007199254740993')],
    ['number', {}, ['+.12345678901234567890'], numberAs('0.12345678901234567890')],
    ['date', {}, ['2024-02-29'], '2024-02-29'],
    ['time', { min: '09:00:00' }, ['09:00'], '09:00'],
    ['time', {}, ['09:00:30'], '09:00:30'],
    ['datetime', {}, ['2024-02-29T09:00:00'], '2024-02-29T09:00'],
    ['checkbox', {}, ['on'], true],
    ['checkbox', {}, [], false],
    ['select', { options: OPTIONS }, ['b'], 'b'],
    ['radio', { options: OPTIONS }, [], undefined],
    ['multiselect', { options: OPTIONS }, ['c', 'a', 'c'], ['a', 'c']],
    ['multiselect', { options: OPTIONS }, [], undefined],
    ['hidden', {}, ['x'], 'x'],
  ])('%s %j %j is read', (type, more, written, value) => {
    expect(valueOf({ name: 'f', type, ...more }, written)).toEqual({ value })
  })

  test.each<[FieldType, Partial<FieldShape>, readonly string[], string]>([
    ['text', { required: true }, ['  '], 'Please fill this in.'],
    ['text', {}, ['a\u0000'], 'It has a character in it that cannot be kept.'],
    ['textarea', {}, ['a\u0001'], 'It has a character in it that cannot be kept.'],
    ['text', { max_length: 3 }, ['abcd'], 'At most 3 characters, please: these are 4.'],
    ['text', { max_length: 1 }, ['ab'], 'At most 1 character, please: these are 2.'],
    ['text', {}, ['x'.repeat(1_001)], 'At most 1000 characters, please: these are 1001.'],
    ['text', { pattern: '\\d+' }, ['12a'], 'This is not written as it has to be.'],
    ['text', { pattern: '\\d+', pattern_message: 'Digits.' }, ['a'], 'Digits.'],
    ['text', { pattern: '(a+)+' }, [`${'a'.repeat(900)}b`], 'This is not written as it has to be.'],
    ['textarea', { min_length: 3 }, ['ab'], 'At least 3 characters, please.'],
    ['email', {}, ['ann@example'], 'Enter an e-mail address, such as name@example.org.'],
    ['url', {}, ['javascript:alert(1)'], 'An address on the web begins with https://.'],
    ['url', {}, ['example.org'], 'An address on the web begins with https://.'],
    ['tel', {}, ['call me'], 'A telephone number has digits'],
    ['number', {}, ['12,5'], 'Enter a number, such as'],
    ['number', {}, ['Infinity'], 'Enter a number, such as'],
    ['number', {}, ['1e999'], 'Enter a number, such as'],
    ['number', {}, ['0x10'], 'Enter a number, such as'],
    ['number', { min: 1 }, ['0.5'], 'It must be 1 or more.'],
    ['number', { max: 1 }, ['1.5'], 'It must be 1 or less.'],
    ['integer', {}, ['1.5'], 'Enter a whole number, such as'],
    ['integer', { max: 9007199254740992 }, ['9007199254740993'], 'It must be 9007199254740992 or less.'],
    ['date', {}, ['2023-02-29'], 'Enter a date, such as'],
    ['date', {}, ['29.02.2024'], 'Enter a date, such as'],
    ['date', {}, ['2024-13-01'], 'Enter a date, such as'],
    ['date', { min: '2026-01-01' }, ['2025-12-31'], 'It must be on or after 2026-01-01.'],
    ['time', {}, ['24:00'], 'Enter a time, such as'],
    ['time', { max: '17:00' }, ['17:00:01'], 'It must be at or before 17:00.'],
    ['datetime', {}, ['2024-02-29'], 'Enter a date and a time, such as'],
    ['datetime', { max: '2026-01-01T00:00' }, ['2026-01-01T00:01'], 'It must be on or before 2026-01-01 00:00.'],
    ['checkbox', { required: true }, [], 'Please tick this to go on.'],
    ['select', { options: OPTIONS, required: true }, [''], 'Please choose one of these.'],
    ['select', { options: OPTIONS }, ['d'], 'This is not one of the answers to choose from.'],
    ['radio', { options: OPTIONS }, ['A'], 'This is not one of the answers to choose from.'],
    ['multiselect', { options: OPTIONS }, ['a', 'd'], 'This is not one of the answers to choose from.'],
    ['multiselect', { options: OPTIONS, required: true }, [], 'Please choose at least one of these.'],
  ])('%s %j %j is not', (type, more, written, words) => {
    const answer = valueOf({ name: 'f', type, ...more }, written)
    expect('problem' in answer ? answer.problem : answer).toContain(words)
  })

  test.each([
    "o'brien@example.com",
    'ann@example.org',
    'Ann.Lee+orders@mail.example.co.uk',
    '!#$%&*+/=?^_`{|}~-@example.org',
    'a@b.cd',
    'a..b.@docomo.example',
    '1@1.example',
    'ann@xn--mller-kva.example',
    'ann@a-b.example',
    `${'a'.repeat(64)}@example.org`,
  ])('%s is an e-mail address', (text) => {
    expect(valueOf({ name: 'f', type: 'email' }, [text])).toEqual({ value: text })
  })

  test.each([
    'ann',
    'ann@',
    '@example.org',
    'ann@example',
    'ann@example.',
    'ann@.org',
    'ann@example..org',
    'ann@-a.org',
    'ann@a-.org',
    'ann@a_b.org',
    'ann lee@example.org',
    'ann@exam ple.org',
    'ann@lee@example.org',
    'Ann <ann@example.org>',
    '"ann lee"@example.org',
    'ann@[192.0.2.1]',
    'ann,lee@example.org',
    'ann@example.org, lee@example.org',
    'ann;lee@example.org',
    'ann(work)@example.org',
    'j\u00fcrgen@example.org',
    'ann@m\u00fcller.example',
    `${'a'.repeat(65)}@example.org`,
    `ann@${'a'.repeat(64)}.org`,
    `ann@${'a.'.repeat(130)}org`,
  ])('%s is none', (text) => {
    expect(valueOf({ name: 'f', type: 'email' }, [text])).toHaveProperty('problem')
  })

  test('what has been read is read the same again, and nothing takes long', () => {
    const types: readonly FieldType[] = ['text', 'textarea', 'email', 'url', 'tel', 'number', 'integer', 'datetime']
    const writing = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double().map(String),
      fc.emailAddress(),
      fc.webUrl(),
      fc.constantFrom('1'.repeat(100_000), `${'a.'.repeat(50_000)}@x`, `https://${'a-'.repeat(50_000)}`),
    )
    fc.assert(fc.property(fc.constantFrom(...types), writing, (type, text) => {
      const began = performance.now()
      const field: FieldShape = { name: 'f', type, max_length: 100_000 }
      const answer = valueOf(field, [text])
      if ('value' in answer && answer.value !== undefined) {
        expect(valueOf(field, writtenOf(answer.value))).toEqual(answer)
      }
      expect(performance.now() - began).toBeLessThan(2_000)
    }))
  })
})
