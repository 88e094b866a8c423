import { parseDate } from '../base/instant.ts'
import * as v from 'valibot'
import { safeRegExp } from '../base/pattern.ts'
import { type Json, numberAs } from '../base/json.ts'
import { compareNumbers, fitsDouble, isWhole } from '../base/number.ts'
import { isRefusal } from '../base/refusal.ts'

/** Parses a person's input for a field of a form, by the type of the field. */

export const FIELD_TYPES = [
  'text',
  'textarea',
  'email',
  'url',
  'tel',
  'number',
  'integer',
  'date',
  'time',
  'datetime',
  'checkbox',
  'select',
  'radio',
  'multiselect',
  'hidden',
] as const
export type FieldType = (typeof FIELD_TYPES)[number]

/** A field of whichever type. What the schema of a form makes of it has more to say about what goes with what. */
export interface FieldShape {
  readonly type: FieldType
  readonly name: string
  readonly label?: string | undefined
  readonly help?: string
  readonly required?: boolean
  readonly placeholder?: string
  readonly autocomplete?: string | undefined
  readonly min?: number | string | undefined
  readonly max?: number | string | undefined
  readonly min_length?: number | undefined
  readonly max_length?: number | undefined
  readonly pattern?: string | undefined
  readonly pattern_message?: string | undefined
  readonly options?: readonly { readonly value: string; readonly label: string }[]
  readonly default?: Json | undefined
}

/** The default limits of a single line, and of a text of several lines. */
const LINE_CHARS_MAX = 1_000
export const TEXT_CHARS_MAX = 20_000

/** A value, undefined if the field is empty; or the problem, for the person who filled it in. */
export type FieldValue = { readonly value: Json | undefined } | { readonly problem: string }

/** A value of the field as a browser would send it. */
export function writtenOf(value: Json): readonly string[] {
  if (typeof value === 'boolean') return value ? ['on'] : []
  return Array.isArray(value) ? value.map(String) : [String(value)]
}

/**
 * Reads what a browser sent for a field: text without the space around it, JSON numbers, booleans for boxes, lists where
 * several may be chosen; dates as 2026-11-23, times as 09:30 or 09:30:15, and both as 2026-11-23T09:30, of no zone.
 */
export function valueOf(field: FieldShape, written: readonly string[]): FieldValue {
  if (written.some((one) => CONTROL_CHARS.test(one))) {
    return { problem: 'It has a character in it that cannot be kept.' }
  }
  if (field.type === 'checkbox') {
    const ticked = written.some((one) => one !== '')
    return field.required === true && !ticked ? { problem: 'Please tick this to go on.' } : { value: ticked }
  }
  if (field.type === 'multiselect') return chosen(field, written)
  const text = cleaned(field.type, written[0] ?? '')
  if (text !== '') return READ[field.type](field, text)
  if (field.required !== true) return { value: undefined }
  const choice = field.type === 'select' || field.type === 'radio'
  return { problem: choice ? 'Please choose one of these.' : 'Please fill this in.' }
}

/** U+0000 is kept nowhere; the rest of them nobody can see, and much that robots write to does not take them. */
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/

type Read = (field: FieldShape, text: string) => FieldValue

const READ: { readonly [T in Exclude<FieldType, 'checkbox' | 'multiselect'>]: Read } = {
  text: (field, text) => lengthy(field, text, LINE_CHARS_MAX),
  textarea: (field, text) => lengthy(field, text, TEXT_CHARS_MAX),
  hidden: (field, text) => lengthy(field, text, LINE_CHARS_MAX),
  email: (field, text) =>
    text.length <= 254 && v.is(EMAIL, text)
      ? lengthy(field, text, 254)
      : { problem: 'Enter an e-mail address, such as name@example.org.' },
  url: (field, text) =>
    v.is(URL_TEXT, text) ? lengthy(field, text, 2_000) : { problem: 'An address on the web begins with https://.' },
  tel: (field, text) =>
    /^[\d +()./#*,;x-]+$/i.test(text) && text.replace(/\D/g, '').length >= 3
      ? lengthy(field, text, 50)
      : { problem: 'A telephone number has digits, and may have spaces and + ( ) - . / between them.' },
  number: (field, text) => numeric(field, text, 'Enter a number, such as 42 or 12.5.'),
  integer: (field, text) => numeric(field, text, WHOLE, true),
  date: (field, text) => moment(field, text, parseDate(text) !== null, 'Enter a date, such as 2026-11-23.'),
  time: (field, text) => moment(field, text, TIME.test(text), 'Enter a time, such as 09:30.'),
  datetime(field, text) {
    const [date = '', time = '', ...more] = text.split('T')
    const right = more.length === 0 && parseDate(date) !== null && TIME.test(time)
    return moment(field, `${date}T${time}`, right, 'Enter a date and a time, such as 2026-11-23T09:30.')
  },
  select: oneOf,
  radio: oneOf,
}

/** As browsers judge it, by the HTML standard; and with a domain that is one of the internet. */
const EMAIL = v.pipe(v.string(), v.rfcEmail(), v.regex(/^[^@]{1,64}@.+\./))
const URL_TEXT = v.pipe(v.string(), v.maxLength(2_000), v.url(), v.regex(/^https?:\/\//i))
const WHOLE = 'Enter a whole number, such as 42.'
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/

/** As a browser cleans it: a single line has no breaks. Every system breaks lines in one way. */
function cleaned(type: FieldType, text: string): string {
  return (type === 'textarea' ? text.replace(/\r\n?/g, '\n') : text.replace(/[\r\n]+/g, ' ')).trim()
}

function lengthy(field: FieldShape, text: string, mostElse: number): FieldValue {
  const { min_length = 0, max_length, pattern, pattern_message = '' } = field
  const most = max_length ?? mostElse
  if (text.length > most) return { problem: `At most ${characters(most)}, please: these are ${text.length}.` }
  if (text.length < min_length) return { problem: `At least ${characters(min_length)}, please.` }
  const wanted = pattern === undefined ? null : safeRegExp(pattern, 'pattern')
  const right = wanted === null || (!isRefusal(wanted) && wanted.matches(text))
  if (!right) return { problem: pattern_message === '' ? 'This is not written as it has to be.' : pattern_message }
  return { value: text }
}

function characters(count: number): string {
  return count === 1 ? '1 character' : `${count} characters`
}

/** A number that a double has is one, however it is written; any other is passed on digit for digit. */
function numeric({ min, max }: FieldShape, text: string, problem: string, whole = false): FieldValue {
  const [, sign, digits = '', fraction = '', power = ''] =
    /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(e[+-]?\d{1,3})?$/i.exec(text) ?? []
  if (text.length > 60 || sign === undefined || !Number.isFinite(Number(text))) return { problem }
  const token = (sign === '-' ? '-' : '') + (digits.replace(/^0+(?=\d)/, '') || '0') + (fraction && `.${fraction}`) +
    power
  if (whole && !isWhole(token)) return { problem }
  if (typeof min === 'number' && compareNumbers(token, String(min)) < 0) {
    return { problem: `It must be ${min} or more.` }
  }
  if (typeof max === 'number' && compareNumbers(token, String(max)) > 0) {
    return { problem: `It must be ${max} or less.` }
  }
  return { value: fitsDouble(token) ? Number(token) + 0 : numberAs(token) }
}

/** Written alike, so that later is also later in the alphabet: without seconds where there are none. */
function moment({ type, min, max }: FieldShape, text: string, right: boolean, problem: string): FieldValue {
  if (!right) return { problem }
  const value = shortest(text)
  const [first, last] = type === 'time' ? ['at or after', 'at or before'] : ['on or after', 'on or before']
  if (typeof min === 'string' && value < shortest(min)) return { problem: `It must be ${first} ${spoken(min)}.` }
  if (typeof max === 'string' && value > shortest(max)) return { problem: `It must be ${last} ${spoken(max)}.` }
  return { value }
}

function shortest(text: string): string {
  return text.replace(/(:\d\d):00$/, '$1')
}

function spoken(text: string): string {
  return shortest(text).replace('T', ' ')
}

function oneOf({ options = [] }: FieldShape, text: string): FieldValue {
  return options.some(({ value }) => value === text)
    ? { value: text }
    : { problem: 'This is not one of the answers to choose from.' }
}

function chosen({ options = [], required }: FieldShape, written: readonly string[]): FieldValue {
  const asked = new Set(written.filter((one) => one !== ''))
  // In the order of the form, each once.
  const value = options.map((option) => option.value).filter((one) => asked.delete(one))
  if (asked.size > 0) return { problem: 'This is not one of the answers to choose from.' }
  if (value.length > 0) return { value }
  return required === true ? { problem: 'Please choose at least one of these.' } : { value: undefined }
}
