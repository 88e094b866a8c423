/** Makes a random key of 128 bits. Not `randomUUID`, which browsers offer on secure pages only. */
export function newIdempotencyKey(): string {
  let key = ''
  for (const word of crypto.getRandomValues(new Uint32Array(4))) key += word.toString(16).padStart(8, '0')
  return key
}
