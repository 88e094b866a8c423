/**
 * Milliseconds to wait before the next try after `failures` failures in a row: exponential with full jitter, so that a
 * thousand robots which lost the same server do not return at the same moment. `random` is in [0, 1).
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: () => number): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(failures, 40))
  return Math.floor(random() * ceilingMs)
}
