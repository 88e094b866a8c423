import type { Settings } from '../../core/settings.ts'
import type { Millis } from '../../core/base/ids.ts'
import { recentSince } from '../../core/limiter/rates.ts'
import type { StoredRows } from '../../core/state.ts'
import { type Clock, SET_MS } from './clock.ts'
import type { Store } from '../store/contract.ts'

/**
 * Loads the rows that a state begins with, and returns the instant up to which scheduled jobs are included. Rows may be
 * ahead of the clock, if it was set while no process ran; the first turn corrects that, but only in memory. So if the
 * clock is behind the rows, they are loaded once more by the rows' own time: otherwise a job that backs off for a
 * minute would seem to be hours away, and would wait for so long.
 */
export async function loadRows(
  store: Pick<Store, 'load'>,
  clock: Pick<Clock, 'now' | 'resumeFrom'>,
  settings: Settings,
): Promise<{ readonly rows: StoredRows; readonly horizonAt: Millis }> {
  for (;;) {
    const now = clock.now()
    const horizonAt = now + settings.horizonMs
    const rows = await store.load(horizonAt, recentSince(settings, now))
    clock.resumeFrom(rows.clock)
    if (rows.clock - now <= SET_MS) return { rows, horizonAt }
  }
}
