import type { Mutant } from './mutants/mutant.ts'
import { type Outcome, type Scale, simulate, WHOLE } from './run.ts'
import { Violation } from './violation.ts'

/** The smallest run of a seed that was found to break the same rule. */
export interface Shrunk {
  readonly scale: Scale
  readonly outcome: Outcome
}

/**
 * Makes a failing run smaller, one thing at a time, as long as it still breaks the same rule: kinds of fault are left
 * out, robots are taken away, and the time with faults is cut short. Greedy, so that it ends soon; what is left need not be the
 * least that there is.
 */
export async function shrink(failed: Outcome, mutant: Mutant): Promise<Shrunk> {
  const { seed } = failed
  let best: Shrunk = { scale: WHOLE, outcome: failed }
  const attempt = async (change: Partial<Scale>): Promise<boolean> => {
    const scale = { ...best.scale, ...change }
    const outcome = await simulate(seed, mutant, false, scale)
    if (!breaksTheSame(outcome, failed)) return false
    best = { scale, outcome }
    return true
  }
  for (const faultTime of [0.1, 0.25, 0.5, 0.75]) if (await attempt({ faultTime })) break
  for (const robots of [1, 2, 3, 4]) if (await attempt({ robots })) break
  for (const fault of failed.faultKinds) await attempt({ without: [...best.scale.without, fault] })
  return best
}

function breaksTheSame(outcome: Outcome, failed: Outcome): boolean {
  const ruleOf = ({ failure }: Outcome): string | undefined =>
    failure instanceof Violation ? failure.rule : failure?.message
  return outcome.failure !== null && ruleOf(outcome) === ruleOf(failed)
}
