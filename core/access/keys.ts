import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { KeyId, ReplyId } from '../base/ids.ts'
import { notFound } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { KeyRow } from '../records/key.ts'
import type { KeyCreated } from '../events/access.ts'

/** Creates a key. The caller shows it once; only its hash is stored. */
export function keyCreated(state: State, event: KeyCreated, turn: Turn): void {
  const key: KeyRow = {
    id: event.key,
    name: event.name,
    secret: event.secret,
    scopes: event.scopes,
    robot_id: event.robot,
    created_at: turn.now,
    revoked_at: null,
  }
  saveKey(state, key, turn)
  reply(turn, event.reply, { type: 'key', key })
}

/** A key ends at once, and with it every connection that was made with it. */
export function keyRevoked(state: State, event: { readonly reply: ReplyId; readonly key: KeyId }, turn: Turn): void {
  const before = state.keys.get(event.key)
  if (before === undefined) {
    const refusal = notFound('Key', event.key)
    return refuseRequest(turn, event.reply, refusal)
  }
  const key = { ...before, revoked_at: before.revoked_at ?? turn.now }
  saveKey(state, key, turn)
  turn.facts.push({ type: 'key.revoked', key })
  reply(turn, event.reply, { type: 'key', key })
}

/** The only way a key changes. */
export function saveKey(state: State, key: KeyRow, turn: Turn): void {
  indexKey(state, key)
  turn.out.rows.keys.set(key.id, key)
}

/** A key in memory, to be found by what it hashes to. */
export function indexKey(state: State, key: KeyRow): void {
  const before = state.keys.get(key.id)
  if (before !== undefined && before.secret !== key.secret) state.keysBySecret.delete(before.secret)
  state.keys.set(key.id, key)
  state.keysBySecret.set(key.secret, key.id)
}
