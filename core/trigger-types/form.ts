import * as v from 'valibot'
import { safeRegExp } from '../base/pattern.ts'
import { FIELD_TYPES, type FieldShape, TEXT_CHARS_MAX, valueOf, writtenOf } from './form-value.ts'
import { isRefusal } from '../base/refusal.ts'
import { triggerType } from './trigger-type.ts'

/** The config of a trigger of type `form`. */

/** The number of fields on one page. */
const FIELDS_MAX = 100
const OPTIONS_MAX = 500
const OPTION_CHARS_MAX = 500
/** The options of all fields together, and the whole config as JSON. They bound the page, which anyone may request. */
const OPTIONS_ALL_MAX = 2_000
const CONFIG_CHARS_MAX = 1 << 18

/**
 * Names that a field cannot have. Of the first three valibot's objects, and others, lose the members; the rest stand
 * beside the fields in the payload.
 */
const TAKEN: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
  'form_id',
  'fields',
  'submitted_at',
  'submitter_ip',
])

const line = v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(200))
const text = v.pipe(v.string(), v.maxLength(5_000))
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000))

const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be 1 to 64 letters, digits and underscores, the first no digit'),
  v.check((given) => !TAKEN.has(given), (issue) => `${issue.input} has a meaning of its own; choose another name`),
)

/** Properties of every field. */
const COMMON = {
  name,
  /** The label; by default derived from the name. */
  label: v.optional(line),
  help: v.optional(text, ''),
  required: v.optional(v.boolean(), false),
}

/** For what a browser knows of people: https://html.spec.whatwg.org/#autofill-detail-tokens, as `given-name`. */
const autocomplete = v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9 -]{0,99}$/, 'must be autofill tokens')))
const placeholder = v.optional(v.pipe(v.string(), v.maxLength(200)), '')

const WORDS = {
  ...COMMON,
  placeholder,
  autocomplete,
  min_length: v.optional(count),
  max_length: v.optional(count),
  /** A pattern for the whole text, and the message if it does not match. */
  pattern: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  pattern_message: v.optional(line),
  default: v.optional(v.pipe(v.string(), v.maxLength(TEXT_CHARS_MAX))),
}
const NUMBERS = {
  ...COMMON,
  placeholder,
  min: v.optional(v.number()),
  max: v.optional(v.number()),
  default: v.optional(v.number()),
}
/** Dates and times are written as browsers send them; `valueOf` says how. */
const moment = v.optional(v.pipe(v.string(), v.maxLength(30)))
const MOMENTS = { ...COMMON, min: moment, max: moment, default: moment }

const optionValue = v.pipe(v.string(), v.trim(), v.nonEmpty('must not be empty'), v.maxLength(OPTION_CHARS_MAX))
const option = v.union([
  v.pipe(optionValue, v.transform((value) => ({ value, label: value }))),
  v.pipe(
    v.strictObject({ value: optionValue, label: v.optional(line) }),
    v.transform(({ value, label = value }) => ({ value, label })),
  ),
], 'must be a string, or {"value", "label"}')
const options = v.pipe(
  v.array(option),
  v.minLength(1, 'must have at least one'),
  v.maxLength(OPTIONS_MAX, `must have at most ${OPTIONS_MAX}`),
  v.check(
    (all) => doubled(all.map(({ value }) => value)) === undefined,
    (issue) => `has ${String(doubled(issue.input.map(({ value }) => value)))} twice`,
  ),
)
const ONE_OF = { ...COMMON, options, default: v.optional(v.string()) }

const field = v.pipe(
  v.variant('type', [
    v.strictObject({ type: v.picklist(['text', 'textarea', 'email', 'url', 'tel']), ...WORDS }),
    v.strictObject({ type: v.picklist(['number', 'integer']), ...NUMBERS }),
    v.strictObject({ type: v.picklist(['date', 'time', 'datetime']), ...MOMENTS }),
    v.strictObject({ type: v.literal('checkbox'), ...COMMON, default: v.optional(v.boolean()) }),
    v.strictObject({ type: v.literal('select'), ...ONE_OF, autocomplete }),
    v.strictObject({ type: v.literal('radio'), ...ONE_OF }),
    v.strictObject({
      type: v.literal('multiselect'),
      ...COMMON,
      options,
      default: v.optional(v.array(v.string())),
    }),
    /** Not shown, but not secret either: the person who sends the form can change it. */
    v.strictObject({
      type: v.literal('hidden'),
      name,
      label: v.optional(line),
      required: v.optional(v.boolean(), false),
      max_length: v.optional(count),
      default: v.optional(v.pipe(v.string(), v.maxLength(TEXT_CHARS_MAX))),
    }),
  ], `must be one of ${FIELD_TYPES.join(', ')}`),
  v.check((given) => problemWith(given) === null, (issue) => problemWith(issue.input) ?? ''),
)

const fields = v.pipe(
  v.array(field),
  v.minLength(1, 'must have at least one'),
  v.maxLength(FIELDS_MAX, `must have at most ${FIELDS_MAX}`),
  v.check(
    (all) => doubled(all.map((one) => one.name)) === undefined,
    (issue) => `has ${String(doubled(issue.input.map((one) => one.name)))} twice`,
  ),
  v.check(
    (all) => all.reduce((sum, one) => sum + optionsIn(one), 0) <= OPTIONS_ALL_MAX,
    `must have at most ${OPTIONS_ALL_MAX} options in all`,
  ),
  v.check(
    (all) => JSON.stringify(all).length <= CONFIG_CHARS_MAX,
    `must not exceed ${CONFIG_CHARS_MAX} characters in all`,
  ),
)

/**
 * An https URL, or a path on this server: without name and password, and without characters that a header or a policy
 * would interpret.
 */
const REDIRECT = /^(https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?([/?#][\x21-\x7e]*)?|\/(?![/\\])[\x21-\x5b\x5d-\x7e]*)$/

export const FormConfig = v.strictObject({
  /** The heading; by default the trigger's name. */
  title: v.optional(line),
  description: v.optional(text, ''),
  fields,
  submit_label: v.optional(line, 'Send'),
  success_message: v.optional(text, 'Thank you. Your answers have been received.'),
  /** A page to go to instead of showing the message. */
  redirect_url: v.nullish(
    v.pipe(v.string(), v.maxLength(2_000), v.regex(REDIRECT, 'must be https://… or a path that begins with one /')),
    null,
  ),
})

export type FormConfig = v.InferOutput<typeof FormConfig>

/** A person fills in a page that the orchestrator serves. */
export const form = triggerType({
  name: 'form',
  config: FormConfig,
  credential: 'access-code',
  path: '/form',
  rateLimited: true,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references: () => [],
  subscribes: () => [],
  screen: () => null,
})

/** The most values that a browser can send for a form: one for each field, and all options of a multiple choice. */
export function valuesMax({ fields: all }: FormConfig): number {
  return all.reduce((sum, one) => sum + (one.type === 'multiselect' ? optionsIn(one) : 1), 0)
}

function optionsIn(one: object): number {
  return 'options' in one && Array.isArray(one.options) ? one.options.length : 0
}

/** The label of the field, by default its name in words. */
export function labelOf({ name: own, label }: FieldShape): string {
  if (label !== undefined) return label
  const words = own.replace(/_+/g, ' ').trim()
  return words === '' ? own : words.charAt(0).toUpperCase() + words.slice(1)
}

/** The contradiction between a field's properties; null if there is none. */
function problemWith(given: FieldShape): string | null {
  const [low, high] = [given.min ?? given.min_length, given.max ?? given.max_length]
  for (const bound of ['min', 'max'] as const) {
    const written = given[bound]
    if (typeof written !== 'string') continue
    const read = valueOf({ type: given.type, name: given.name }, [written])
    if ('problem' in read) return `the ${bound} of ${given.name} cannot be: ${read.problem}`
  }
  if (low !== undefined && high !== undefined && low > high) {
    return `the least that ${given.name} may be is more than the most`
  }
  const pattern = given.pattern === undefined ? null : safeRegExp(given.pattern, `the pattern of ${given.name}`)
  if (isRefusal(pattern)) return pattern.message
  if (given.default === undefined) return null
  const read = valueOf({ ...given, required: false }, writtenOf(given.default))
  if ('problem' in read) return `the default of ${given.name} would be refused: ${read.problem}`
  // An empty text is a valid default, and so is an empty multiple choice; an empty single choice is not.
  const choice = given.type === 'select' || given.type === 'radio'
  return read.value === undefined && choice ? `the default of ${given.name} is empty` : null
}

function doubled(values: readonly string[]): string | undefined {
  return values.find((value, at) => values.indexOf(value) !== at)
}
