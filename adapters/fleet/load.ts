import type { Settings } from '../../core/settings.ts'
import type { Millis } from '../../core/base/ids.ts'
import { recentSince } from '../../core/limiter/rates.ts'
import type { StoredRows } from '../../core/state.ts'
import { type Clock, SET_MS } from './clock.ts'
import type { Store } from '../store/contract.ts'

/**
 * The rows that a state begins with, and the instant up to which jobs for later are among them. Rows that are ahead of the
 * clock are taken as they are: it was set while nobody looked, and the first turn does what is to be done. That moves only
 * what is in memory, so where the clock is behind the rows they are loaded once more, by the time that they are of: a job
 * that backs off for a minute would otherwise seem to be hours away, and wait for so long.
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
