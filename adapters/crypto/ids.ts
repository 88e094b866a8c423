import { v7 as uuidv7 } from 'uuid'

/** The random bytes that are drawn at a time. Drawing sixteen costs several times as much as all the rest of an id. */
const POOL_BYTES = 4_096
const ID_BYTES = 16

/**
 * Makes ids of rows: UUIDs, each of which sorts after those that were made before it. It draws many random bytes at a time
 * and uses each once. The ids are not secrets, and no secret may be made so. `fill`: cryptographically random bytes.
 */
export function rowIds(fill: (bytes: Uint8Array<ArrayBuffer>) => unknown = drawBytes): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  const view = new DataView(pool.buffer)
  // Drawn with the first id: a Worker has no random bytes while its modules are loaded.
  let next = POOL_BYTES
  let [msecs, seq] = [0, 0]
  return () => {
    if (next === POOL_BYTES) {
      fill(pool)
      next = 0
    }
    const at = next
    next += ID_BYTES
    const now = Date.now()
    // Within a millisecond, and while the clock is set back, the count goes on from where it was.
    if (now > msecs) [msecs, seq] = [now, view.getUint32(at + 6) >>> 1]
    else if ((seq = (seq + 1) >>> 0) === 0) msecs++
    return uuidv7({ random: pool.subarray(at, next), msecs, seq })
  }
}

function drawBytes(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes)
}
