// Under the name `html` the formatter would reformat the content, where white space matters.
import { html as markup } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

/** A fragment of a page. Inserted values are escaped. */
export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>

export { markup }

/** Attributes, each with a space before it. Those without a value, and empty ones, are left out. */
export function attributes(all: Readonly<Record<string, string | number | boolean | undefined>>): Markup {
  const given = Object.entries(all).filter(([, value]) => value !== undefined && value !== false && value !== '')
  return markup`${given.map(([name, value]) => value === true ? ` ${name}` : markup` ${name}="${value}"`)}`
}
