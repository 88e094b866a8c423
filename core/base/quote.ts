/**
 * Where the text ends that begins with the quotation mark at this place; the end of all where it does not. By hand: a pattern
 * for texts tries each quotation mark anew where one is not closed. The platform finds a character in a fraction of the time
 * that a loop takes.
 */
export function closingQuote(text: string, from: number): number {
  const quote = text.charAt(from)
  let at = text.indexOf(quote, from + 1)
  while (text.charCodeAt(at - 1) === BACKSLASH && isEscaped(text, at)) at = text.indexOf(quote, at + 1)
  return at === -1 ? text.length : at
}

const BACKSLASH = 92

/** Whether the backslashes before this place are odd in number. */
function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from--
  return (at - from) % 2 === 1
}
