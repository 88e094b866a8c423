import type { Shape } from '../actors/robot-models.ts'
import { CAPABILITIES, ENVIRONMENTS, TAGS } from './givens.ts'
import type { Chance } from './chance.ts'
import { DEFAULTS, type Settings, STRATEGY_NAMES, UNLIMITED } from '../../../core/settings.ts'
import type { Millis } from '../../../core/base/ids.ts'

/** Drawn before anything happens: the settings of the server, and the shape of each robot. */

const MINUTE: Millis = 60_000

/** A robot that can run every job. */
export const EVERYTHING: Shape = {
  environment: 'default',
  slots: 4,
  tags: TAGS,
  capabilities: Object.fromEntries(CAPABILITIES.map((name) => [name, true])),
}

/** Draws the shape of a robot. */
export function shapeOf(chance: Chance): Shape {
  return {
    environment: chance.pick(['default', ...ENVIRONMENTS]),
    slots: chance.pick([0, 1, 1, 2, 3, 5]),
    tags: chance.some(TAGS, 0.5),
    capabilities: Object.fromEntries(CAPABILITIES.map((name) => [name, chance.happens(0.6)])),
  }
}

/** Draws the settings of one run. Limits are low, so that they are reached. */
export function settingsOf(chance: Chance): Settings {
  const horizonMs = chance.pick([DEFAULTS.horizonMs, 5 * MINUTE, MINUTE])
  return {
    ...DEFAULTS,
    ...UNLIMITED,
    queueTtlMs: chance.happens(0.3) ? chance.whole(2, 30) * MINUTE : DEFAULTS.queueTtlMs,
    agingMs: chance.pick([DEFAULTS.agingMs, MINUTE]),
    strategy: chance.pick(['least_loaded', ...STRATEGY_NAMES]),
    lostTriesMax: chance.pick([DEFAULTS.lostTriesMax, 2]),
    horizonMs,
    // A job in back-off stays in memory, and the settings have to allow that.
    backoffMsMax: Math.min(DEFAULTS.backoffMsMax, horizonMs / 2),
    idempotencyMs: chance.pick([DEFAULTS.idempotencyMs, 30 * MINUTE]),
    deliveryBackoffMs: [5_000, 30_000, 2 * MINUTE, 5 * MINUTE],
    webhookFailingMs: chance.pick([DEFAULTS.webhookFailingMs, 10 * MINUTE]),
    submissionsMax: chance.pick([0, 0, 5, 50]),
    webhookCallsMax: chance.pick([0, 2, 10]),
    webhookCallsMs: chance.pick([1, 10]) * MINUTE,
    robotMessagesMax: chance.pick([0, 8, 100]),
    descendantsMax: chance.pick([1, 4, 30]),
  }
}
