import { memoryStore } from '../../../adapters/store/memory.ts'
import { hashOf } from '../../../adapters/crypto/secrets.ts'
import { newEffects } from '../../../core/turn.ts'
import type {
  DefinitionHash,
  JsonText,
  KeyId,
  RobotId,
  SecretHash,
  TriggerId,
  WorkflowId,
} from '../../../core/base/ids.ts'
import type { WebhookRow } from '../../../core/records/webhook.ts'
import { BEGINNING } from './world.ts'
import { NO_RUNS_YET, TRIGGER_DEFAULTS } from '../../../core/records/trigger.ts'
import type { WorkflowRow } from '../../../core/records/workflow.ts'
import type { MemoryDisk } from '../../../adapters/store/memory-disk.ts'
import { BY, definition, FLOWS, FRESH, KEY, POOL, POOL_TAGS, SECRET } from './givens.ts'

/** Writes the initial rows: keys, workflows, triggers and webhooks. */
export function writeInitialRows(
  disk: MemoryDisk,
  keys: ReadonlyMap<RobotId, string>,
  webhooks: readonly WebhookRow[],
): void {
  const out = newEffects(1, BEGINNING)
  const store = memoryStore(disk)
  void store.load(BEGINNING)
  for (const [robot, key] of keys) {
    const id = `key-${robot}` as KeyId
    const secret: SecretHash = hashOf(key)
    const row = { id, name: robot, secret, scopes: ['robots:connect'], robot_id: robot } as const
    out.rows.keys.set(id, { ...row, created_at: BEGINNING, revoked_at: null })
  }
  const submits = { id: KEY, name: BY, secret: hashOf(BY), scopes: ['jobs:submit'], robot_id: null } as const
  out.rows.keys.set(KEY, { ...submits, created_at: BEGINNING, revoked_at: null })
  const fresh = { id: 'fresh' as KeyId, name: 'fresh', secret: hashOf(FRESH), robot_id: null, revoked_at: null }
  out.rows.keys.set(fresh.id, { ...fresh, scopes: ['robots:connect'], created_at: BEGINNING })
  for (const flow of FLOWS) {
    const id = flow as string as WorkflowId
    const { hash, json } = definition(flow)
    out.rows.definitions.set(hash, { hash, json })
    out.rows.versions.set(`${id} 1`, { workflow_id: id, version: 1, definition: hash, created_by: 'a', created_at: 0 })
    out.rows.workflows.set(id, workflowRow(id, flow, hash))
    const hook = `hook-${flow}` as TriggerId
    out.rows.triggers.set(hook, {
      ...TRIGGER_DEFAULTS,
      ...NO_RUNS_YET,
      id: hook,
      name: hook,
      trigger_type: 'webhook',
      workflow_id: id,
      priority: 2,
      parameters: '{"own":1}' as JsonText,
      cooldown_ms: flow === 'flow-a' ? 0 : 20_000,
      auth: 'secret',
      secret: hashOf(SECRET),
      signing: null,
      created_by: 'author',
      created_at: BEGINNING,
      updated_at: BEGINNING,
    })
  }
  const pool = { name: POOL, tags: POOL_TAGS, max_concurrent: null, workflows: [], created_at: BEGINNING }
  out.rows.pools.set(POOL, pool)
  for (const webhook of webhooks) out.rows.webhooks.set(webhook.id, webhook)
  store.commit(out)
}

function workflowRow(id: WorkflowId, name: string, hash: DefinitionHash): WorkflowRow {
  return {
    id,
    name,
    description: '',
    tags: [],
    status: 'published',
    version: 1,
    definition: hash,
    published_version: 1,
    published_definition: hash,
    max_concurrent: null,
    created_by: 'author',
    created_at: BEGINNING,
    updated_at: BEGINNING,
    execution_count: 0,
    success_count: 0,
    total_duration_ms: 0,
  }
}
