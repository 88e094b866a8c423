import type { Millis } from './ids.ts'
import type { Settings } from './limits.ts'
import type { Rng } from './random.ts'

/**
 * How long to wait before trying again: doubles with each failure in a row, up to the maximum, less up to a quarter
 * by chance, so that what failed together does not come back together.
 */
export function backoff(failures: number, settings: Pick<Settings, 'backoffMs' | 'backoffMsMax'>, random: Rng): Millis {
  const full = Math.min(settings.backoffMs * 2 ** Math.min(failures - 1, 30), settings.backoffMsMax)
  return Math.round(full * (1 - random() / 4))
}
