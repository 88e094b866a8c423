import { labelOf } from '../../core/trigger-types/form.ts'
import { type FieldShape, type FieldType, writtenOf } from '../../core/trigger-types/form-value.ts'
import { attributes, type Markup, markup } from './markup.ts'

/*
 * The fields of a form. All that is wrong is said at once, by the server, in words that stay: a browser says one thing at
 * a time, in a bubble that goes. So nothing here makes a browser refuse to send, but a date that is half typed, of which
 * only the browser knows. `aria-required` and not `required`, and e-mail addresses in a field of text, are due to that.
 */

/** What a field looks like with what was written into it, undefined for nothing yet, and with what is wrong with that. */
export function fieldMarkup(
  field: FieldShape,
  given: readonly string[] | undefined,
  problem: string | undefined,
): Markup {
  const written = given ?? (field.default === undefined ? [] : writtenOf(field.default))
  return RENDER[field.type](field, written, problem)
}

/** Where a link to a field leads: to the control itself, and in a group to its first. */
export function anchorOf(field: FieldShape): string {
  return field.type === 'radio' || field.type === 'multiselect' ? `f-${field.name}-1` : `f-${field.name}`
}

/** What is wrong with a control, beside it. */
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
    // A break at the very beginning is left out when it is read, so that the text may begin with one.
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

/** What the fields of one line are in HTML, and what brings up the right keys and offers. */
const LINES: { readonly [T in FieldType]?: Parameters<typeof attributes>[0] } = {
  email: { type: 'text', inputmode: 'email', autocomplete: 'email', autocapitalize: 'none', spellcheck: 'false' },
  url: { type: 'text', inputmode: 'url', autocomplete: 'url', autocapitalize: 'none', spellcheck: 'false' },
  tel: { type: 'tel', autocomplete: 'tel' },
  // A field of type number changes when somebody scrolls by, and forgets what is not a number.
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
  // Browsers ask for whole minutes unless they are told.
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
  // Radio buttons say together that they are needed, or wrong; boxes each for itself.
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

/** A label, what helps, what is wrong, and the control. */
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
