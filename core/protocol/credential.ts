/** What an API key can be made of: a request carries it in a header, behind a space. */
const KEY = /^[!-~]+$/

/** Why no request can come with this key; null when one can. */
export function problemWithKey(key: string): string | null {
  return KEY.test(key) ? null : 'must consist of ASCII letters, digits and signs, without white space'
}
