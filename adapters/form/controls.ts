import { labelOf } from '../../core/trigger-types/form.ts'
import { type FieldShape, type FieldType, writtenOf } from '../../core/trigger-types/form-value.ts'
import { attributes, type Markup, markup } from './markup.ts'

/*
 * The fields of a form. The server reports all problems at once, in text that stays on the page; a browser shows one at
 * a time, in a bubble that disappears. So browsers are never made to refuse submission, except for an incomplete date,
 * which only they can detect. That is why `aria-required` is used instead of `required`, and text fields for e-mail
 * addresses.
 */

/** The markup of a field, with the value given so far (undefined for none) and the problem with it. */
export function fieldMarkup(
  field: FieldShape,
  given: readonly string[] | undefined,
  problem: string | undefined,
): Markup {
  const written = given ?? (field.default === undefined ? [] : writtenOf(field.default))
  return RENDER[field.type](field, written, problem)
}

/** The target of a link to a field: the control, and in a group its first one. */
export function anchorOf(field: FieldShape): string {
  return field.type === 'radio' || field.type === 'multiselect' ? `f-${field.name}-1` : `f-${field.name}`
}

/** The problem with a control, shown beside it. */
export function problemMarkup(id: string, problem: string | null | undefined): Markup | string {
  if (problem === null || problem === undefined) return ''
  return markup`<p class="error" id="${id}-error"><span class="hidden">Problem: </span>${problem}</p>`
}

type Show = (field: FieldShape, written: readonly string[], problem: string | undefined) => Markup

const RENDER: { readonly [T in FieldType]: Show } = {
  text: line,
  email: line,
  url: line,
  tel: line,
  number: line,
  integer: line,
  date: line,
  time: line,
  datetime: line,
  textarea(field, [written = ''], problem) {
    const own = { class: 'box', rows: 5, placeholder: field.placeholder, autocomplete: field.autocomplete }
    // HTML ignores a line break at the very beginning, so one is added in case the text starts with one.
    return labelled(
      field,
      problem,
      markup`<textarea${attributes({ ...common(field, problem), ...own })}>\n${written}</textarea>`,
    )
  },
  select(field, [written = ''], problem) {
    const choose = field.required === true ? 'Please choose' : 'None'
    const none = field.required === true && field.default !== undefined
      ? ''
      : markup`<option value="">${choose}</option>`
    const options = optionsOf(field).map(({ value, label }) =>
      markup`<option${attributes({ value, selected: value === written })}>${label}</option>`
    )
    const own = { class: 'box', autocomplete: field.autocomplete }
    return labelled(
      field,
      problem,
      markup`<select${attributes({ ...common(field, problem), ...own })}>${none}${options}</select>`,
    )
  },
  checkbox(field, written, problem) {
    const own = { type: 'checkbox', value: 'on', checked: written.some((one) => one !== '') }
    return markup`<div class="field single${bad(problem)}">
  ${beside(field, problem)}
  <div class="choice"><input${attributes({ ...own, ...common(field, problem) })}>
  <label for="f-${field.name}">${labelOf(field)}</label></div>
</div>`
  },
  radio: (field, written, problem) => group(field, 'radio', written.slice(0, 1), problem),
  multiselect: (field, written, problem) => group(field, 'checkbox', written, problem),
  hidden: ({ name }, [written]) => markup`<input${attributes({ type: 'hidden', name, value: written })}>`,
}

/** The attributes of single-line fields, which select keyboards and autofill. */
const LINES: { readonly [T in FieldType]?: Parameters<typeof attributes>[0] } = {
  email: { type: 'text', inputmode: 'email', autocomplete: 'email', autocapitalize: 'none', spellcheck: 'false' },
  url: { type: 'text', inputmode: 'url', autocomplete: 'url', autocapitalize: 'none', spellcheck: 'false' },
  tel: { type: 'tel', autocomplete: 'tel' },
  // A field of type number changes when the user scrolls over it, and discards text that is not a number.
  number: { type: 'text', inputmode: 'decimal', autocomplete: 'off' },
  integer: { type: 'text', inputmode: 'numeric', autocomplete: 'off' },
  date: { type: 'date' },
  time: { type: 'time' },
  datetime: { type: 'datetime-local' },
}
const MOMENTS: ReadonlySet<FieldType> = new Set(['date', 'time', 'datetime'])
const SHORT: ReadonlySet<FieldType> = new Set([...MOMENTS, 'number', 'integer'])

function line(field: FieldShape, [written = '']: readonly string[], problem: string | undefined): Markup {
  const moments = MOMENTS.has(field.type) ? { min: field.min, max: field.max } : {}
  // Browsers default to whole minutes.
  const seconds = [written, moments.min, moments.max].some((text) => /:\d\d:\d\d$/.test(String(text)))
  const own = {
    class: SHORT.has(field.type) ? 'box short' : 'box',
    value: written,
    placeholder: field.placeholder,
    ...moments,
    step: MOMENTS.has(field.type) && seconds ? 1 : undefined,
    ...(field.autocomplete === undefined ? {} : { autocomplete: field.autocomplete }),
  }
  const kind = LINES[field.type] ?? { type: 'text' }
  return labelled(field, problem, markup`<input${attributes({ ...common(field, problem), ...kind, ...own })}>`)
}

function group(
  field: FieldShape,
  type: 'radio' | 'checkbox',
  written: readonly string[],
  problem: string | undefined,
): Markup {
  const { name, required } = field
  const invalid = problem === undefined ? undefined : 'true'
  // A group of radio buttons is required or invalid as a whole; each checkbox by itself.
  const together = type === 'radio'
    ? { role: 'radiogroup', 'aria-required': required === true ? 'true' : undefined, 'aria-invalid': invalid }
    : {}
  const choices = optionsOf(field).map(({ value, label }, at) => {
    const id = `f-${name}-${at + 1}`
    const own = { type, id, name, value, checked: written.includes(value) }
    return markup`<div class="choice"><input${
      attributes(type === 'radio' ? own : { ...own, 'aria-invalid': invalid })
    }><label for="${id}">${label}</label></div>
`
  })
  return markup`<fieldset${
    attributes({ class: `field${bad(problem)}`, ...together, 'aria-describedby': described(field, problem) })
  }>
  <legend>${labelOf(field)}${optional(field)}</legend>
  ${beside(field, problem)}
  <div class="choices">${choices}</div>
</fieldset>`
}

/** A label, the help text, the problem, and the control. */
function labelled(field: FieldShape, problem: string | undefined, control: Markup): Markup {
  return markup`<div class="field${bad(problem)}">
  <label for="f-${field.name}">${labelOf(field)}${optional(field)}</label>
  ${beside(field, problem)}
  ${control}
</div>`
}

function beside({ name, help = '' }: FieldShape, problem: string | undefined): Markup {
  const helps = help === '' ? '' : markup`<p class="help" id="f-${name}-help">${help}</p>`
  return markup`${helps}${problemMarkup(`f-${name}`, problem)}`
}

function common(field: FieldShape, problem: string | undefined): Parameters<typeof attributes>[0] {
  return {
    id: `f-${field.name}`,
    name: field.name,
    'aria-required': field.required === true ? 'true' : undefined,
    'aria-invalid': problem === undefined ? undefined : 'true',
    'aria-describedby': described(field, problem),
  }
}

function described({ name, help = '' }: FieldShape, problem: string | undefined): string {
  return [help === '' ? '' : `f-${name}-help`, problem === undefined ? '' : `f-${name}-error`].join(' ').trim()
}

function optional({ required }: FieldShape): Markup | string {
  return required === true ? '' : markup` <span class="optional">(optional)</span>`
}

function bad(problem: string | undefined): string {
  return problem === undefined ? '' : ' bad'
}

function optionsOf({ options = [] }: FieldShape): NonNullable<FieldShape['options']> {
  return options
}
