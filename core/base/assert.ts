/** A violated assumption of our own. No input from outside may cause one. */
export class Bug extends Error {
  override readonly name = 'Bug'
}

/**
 * Checks a rule, stated as a sentence, in production too. Throws `Bug`: the turn is abandoned, nothing is sent, and the
 * state is loaded anew.
 */
export function assert(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Bug(rule)
}
