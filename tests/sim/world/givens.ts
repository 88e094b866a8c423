import type { DefinitionRow } from '../../../core/records/workflow.ts'
import { sha256 } from '../../../adapters/crypto/secrets.ts'
import type { DefinitionHash, KeyId, RobotId } from '../../../core/base/ids.ts'

/** The initial records of every run, by name. */

/** Two workflows, with a webhook each. */
export const FLOWS = ['flow-a', 'flow-b'] as const

/** The secret of the webhooks' callers. */
export const SECRET = 'a secret of sixteen characters'

/** The capabilities that robots may have, and jobs may require. */
export const TAGS = ['excel', 'sap'] as const
export const CAPABILITIES = ['browser', 'desktop'] as const
export const ENVIRONMENTS = ['default', 'prod', 'test'] as const

/** A definition, as the shell would bring it. */
export function definition(text: string): DefinitionRow {
  const json = JSON.stringify({ nodes: [text] })
  return { hash: sha256(json) as DefinitionHash, json }
}

/** The key that jobs are submitted with, and its name. */
export const KEY = 'key-tester' as KeyId
export const BY = 'tester'

/** A pool, and the tags that its robots hold. */
export const POOL = 'sheets'
export const POOL_TAGS = ['excel'] as const

/** The robot that means no good. */
export const HOSTILE = 'mallory' as RobotId

/** Its key for a new robot, which it never uses up: it only ever says that it is one that is there. */
export const FRESH = 'crpa_fresh'
