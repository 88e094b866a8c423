import type { KeyId, ReplyId, RobotId, SecretHash } from '../base/ids.ts'
import type { Scope } from '../records/key.ts'

export interface KeyCreated {
  readonly type: 'key.created'
  readonly reply: ReplyId
  readonly key: KeyId
  readonly name: string
  readonly secret: SecretHash
  readonly scopes: readonly Scope[]
  readonly robot: RobotId | null
}
