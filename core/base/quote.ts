/**
 * The end of the string that begins with the quotation mark at this position; the end of the text if it is not closed.
 * Scans by hand: a regular expression would retry at each quotation mark when one is not closed. `indexOf` is much
 * faster than a loop.
 */
export function closingQuote(text: string, from: number): number {
  const quote = text.charAt(from)
  let at = text.indexOf(quote, from + 1)
  while (text.charCodeAt(at - 1) === BACKSLASH && isEscaped(text, at)) at = text.indexOf(quote, at + 1)
  return at === -1 ? text.length : at
}

const BACKSLASH = 92

/** True if an odd number of backslashes precede this position. */
function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from--
  return (at - from) % 2 === 1
}
