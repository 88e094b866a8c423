import { refuseRequest, reply, type Turn } from './effects.ts'
import type { KeyCreated } from './event.ts'
import type { KeyId, ReplyId } from './ids.ts'
import { saveKey } from './keep.ts'
import { notFound } from './protocol/refusal.ts'
import type { KeyRow, State } from './state.ts'

/** A key is made. Whoever asked shows it once; what is kept is its hash. */
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
