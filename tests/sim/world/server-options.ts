import type { CommitOptions } from './commits.ts'
import type { Mutant } from '../mutants/mutant.ts'
import type { WebhookRequest } from '../../../core/turn.ts'
import type { Life } from './life.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'

export interface ServerOptions extends CommitOptions {
  readonly disk: MemoryDisk
  readonly mutant: Mutant
  /** The receiver of calls to webhooks: each call comes from one life of the server. */
  readonly receivers: { call(call: WebhookRequest, life: Life): void }
  /** Its connections are gone with it. */
  readonly died: () => void
}
