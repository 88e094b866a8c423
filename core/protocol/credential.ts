/** What an API key can be made of: a request carries it in a header, behind a space. */
const KEY = /^[!-~]+$/

/** Why no request can come with this key; null when one can. */
export function problemWithKey(key: string): string | null {
  return KEY.test(key) ? null : 'must consist of ASCII letters, digits and signs, without white space'
}

/** A secret in the query of a URL, whatever that is called; and a key of ours, wherever it stands. */
const IN_QUERY = /([?&](?:[\w-]*(?:key|token|secret|password|signature)|sig|done)=)[^&#\s"'\\]+/gi
const OURS = /\bcrpa_[\w-]{8,}/g

/** A text as it may be logged: without the keys and secrets that are in it. */
export function withoutSecrets(text: string): string {
  return text.replace(IN_QUERY, '$1***').replace(OURS, 'crpa_***')
}

/** What stands for the orchestrator itself in histories, where others have the name of their key. */
const SYSTEM = /^(?:orchestrator|system|engine|(?:robot|trigger|schedule)\s*:.*)$/is

/** Why a key may not be called so; null when it may. What cannot be seen does not make another name of one. */
export function problemWithKeyName(name: string): string | null {
  const seen = name.normalize('NFKC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim()
  return SYSTEM.test(seen) ? 'must not stand for the orchestrator, a robot, a trigger or a schedule' : null
}
