import { raw } from 'hono/html'
import { type FormConfig, labelOf } from '../../core/trigger-types/form.ts'
import { anchorOf, fieldMarkup, problemMarkup } from './controls.ts'
import { attributes, type Markup, markup } from './markup.ts'
import type { FormSubmission } from './submission.ts'
import { STYLE } from './style.ts'

/** The names of our own fields. A form's own field cannot have such a name, because of the hyphen. */
export const TOKEN_FIELD = 'casare-token'
export const CODE_FIELD = 'casare-code'

/** The content of a page with a form. */
export interface FormPage {
  readonly title: string
  readonly form: FormConfig
  /** The URL that it is submitted to. */
  readonly action: string
  readonly token: string
  /** True if it asks for the access code; and the problem with the one that was given. */
  readonly code: boolean
  readonly codeProblem: string | null
  /** The values entered so far. */
  readonly written: FormSubmission['written']
  /** True if these were submitted: then the default no longer ticks an unticked box. */
  readonly sent: boolean
  readonly problems: ReadonlyMap<string, string>
  readonly notice: Notice | null
}

/** A message about a form that was not accepted for a reason other than its content, or that does not exist. */
export interface Notice {
  readonly heading: string
  readonly words: string
}

/** The form, with all its problems above it, each a link to its field. The focus starts there. */
export function formPage(page: FormPage): Markup {
  const { form, title, problems, codeProblem, written, notice } = page
  const wrong = problems.size > 0 || codeProblem !== null || notice !== null
  const fields = form.fields.map((field) =>
    fieldMarkup(field, written.get(field.name) ?? (page.sent ? [] : undefined), problems.get(field.name))
  )
  return whole(
    wrong ? `Problem: ${title}` : title,
    markup`<h1>${title}</h1>
${form.description === '' ? '' : markup`<p class="lead">${form.description}</p>`}
${notice === null ? '' : noticeOf(notice)}
${problems.size === 0 && codeProblem === null ? '' : summaryOf(page)}
<form method="post"${attributes({ action: page.action })} accept-charset="utf-8">
<input type="hidden" name="${TOKEN_FIELD}" value="${page.token}">
${fields}
${page.code ? codeOf(codeProblem) : ''}
<button type="submit">${form.submit_label}</button>
</form>`,
  )
}

/** The page after a submission. The reference is the job's id, empty if there is none. */
export function thanksPage(title: string, message: string, reference: string, again: string): Markup {
  return whole(
    `Sent: ${title}`,
    markup`<h1>${title}</h1>
<div class="done" role="status">${raw(TICK)}<p>${message}</p></div>
${reference === '' ? '' : markup`<p class="reference">Reference: <code>${reference}</code></p>`}
<p class="after"><a href="${again}">Fill in this form again</a></p>`,
  )
}

const TICK =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22Zm-1.6 16L5.5 12.1l1.7-1.7 3.2 3.2 6.4-6.5 1.7 1.7Z"/></svg>'

/** A page with a short message, if there is no form to show. */
export function plainPage({ heading, words }: Notice): Markup {
  return whole(heading, markup`<h1>${heading}</h1><p class="lead">${words}</p>`)
}

function whole(title: string, main: Markup): Markup {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`
}

function noticeOf({ heading, words }: Notice): Markup {
  return markup`<div class="notice" role="group" tabindex="-1" autofocus aria-labelledby="notice-heading">
<h2 id="notice-heading">${heading}</h2>
<p>${words}</p>
</div>`
}

function summaryOf({ form, problems, codeProblem }: FormPage): Markup {
  const links = form.fields.flatMap((field) => {
    const problem = problems.get(field.name)
    if (problem === undefined) return []
    const words = `${labelOf(field)}: ${problem}`
    return [
      field.type === 'hidden' ? markup`<li>${words}</li>` : markup`<li><a href="#${anchorOf(field)}">${words}</a></li>`,
    ]
  })
  if (codeProblem !== null) links.push(markup`<li><a href="#${CODE_FIELD}">Access code: ${codeProblem}</a></li>`)
  const heading = links.length === 1 ? 'One answer needs another look' : `${links.length} answers need another look`
  return markup`<div class="summary" role="group" tabindex="-1" autofocus aria-labelledby="summary-heading">
<h2 id="summary-heading">${heading}</h2>
<ul>${links}</ul>
</div>`
}

function codeOf(problem: string | null): Markup {
  const described = problem === null ? `${CODE_FIELD}-help` : `${CODE_FIELD}-help ${CODE_FIELD}-error`
  const own = {
    class: 'box',
    type: 'password',
    id: CODE_FIELD,
    name: CODE_FIELD,
    autocomplete: 'off',
    'aria-required': 'true',
  }
  return markup`<div class="field${problem === null ? '' : ' bad'}">
<label for="${CODE_FIELD}">Access code</label>
<p class="help" id="${CODE_FIELD}-help">Ask the person who sent you this form.</p>
${problemMarkup(CODE_FIELD, problem)}
<input${attributes({ ...own, 'aria-describedby': described, 'aria-invalid': problem === null ? undefined : 'true' })}>
</div>`
}
