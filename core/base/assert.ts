/** A broken promise of our own. No input of anybody may cause one. */
export class Bug extends Error {
  override readonly name = 'Bug'
}

/**
 * States a rule as a sentence, in production too.
 * Throws `Bug`, upon which the turn is abandoned, nothing is sent, and the state is loaded anew.
 */
export function assert(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Bug(rule)
}
