// Under the name `html` the formatter would lay out what is in it, and spaces matter there.
import { html as markup } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

/** A piece of a page. Whatever is put into one is escaped. */
export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>

export { markup }

/** Attributes with their spaces before them. Those without a value, and empty ones, are left out. */
export function attributes(all: Readonly<Record<string, string | number | boolean | undefined>>): Markup {
  const given = Object.entries(all).filter(([, value]) => value !== undefined && value !== false && value !== '')
  return markup`${given.map(([name, value]) => value === true ? ` ${name}` : markup` ${name}="${value}"`)}`
}
