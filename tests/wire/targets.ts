import type { Target } from './target.ts'
import { cloudflare } from './targets/cloudflare.ts'
import { deno } from './targets/deno.ts'
import { node } from './targets/node.ts'

/** Every runtime that the orchestrator runs on. The first is the one whose answers the others are compared with. */
export const TARGETS: readonly Target[] = [node, deno, cloudflare]

/** The targets that a `TARGET` variable asks for: the one that it names, or all. Throws where it names none. */
export function chosen(name: string | undefined): readonly Target[] {
  if (name === undefined || name === '') return TARGETS
  const target = TARGETS.find((one) => one.name === name)
  // A suite that can choose nothing can pass by doing nothing.
  if (target === undefined) {
    throw new Error(`TARGET must be ${TARGETS.map((one) => one.name).join(', ')}, not "${name}"`)
  }
  return [target]
}
