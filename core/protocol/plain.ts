/** Text that came from others, for where people and programs read lines: it is to be seen, and not to be obeyed. */

/** What ends a line somewhere, and what terminals obey. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu

/**
 * What nobody sees, and what changes the order in which the rest is seen: an id with one of these looks like another id, and a
 * line like another line. Selectors and joiners of emoji are among them, which look less well without.
 */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu

/** One line of plain text: breaks are spaces, other control characters are to be seen, and what nobody sees is gone. */
export function oneLine(text: string): string {
  const line = text.toWellFormed().replace(/\s+/g, (space) => /[\t\n\v\f\r\u2028\u2029]/.test(space) ? ' ' : space)
  return line.replace(CONTROL, '\ufffd').replace(UNSEEN, '')
}

/** The same with nothing lost: line breaks and other control characters but tabs are written as JSON has them. */
export function escapedLine(text: string): string {
  return text.replace(CONTROL, (one) => one === '\t' ? one : escapeOf(one))
}

/**
 * JSON that means the same, in which nothing hides: control characters and what nobody sees are escapes. Line breaks in
 * JSON stand between its values, and stay.
 */
export function shownJson(json: string): string {
  return json.replace(CONTROL, (one) => one === '\n' ? one : escapeOf(one)).replace(UNSEEN, escapeOf)
}

function escapeOf(text: string): string {
  if (text === '\n') return '\\n'
  if (text === '\r') return '\\r'
  return Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}
