import type { Millis } from '../../core/base/ids.ts'
import type { Platform } from '../fleet/fleet.ts'
import { rowIds } from '../crypto/ids.ts'
import { checkMailAddress } from './mail.ts'
import { fetchPost } from '../net/post.ts'
import { checkReported, startReported } from '../sources/reported.ts'
import { shownJson, withoutSecrets } from '../../core/base/text.ts'

/** A platform, with the receiver of the object's alarm. */
export interface ObjectPlatform extends Platform {
  /** The object's alarm has fired. Whether early, late or twice, it only means that the clock has to be checked. */
  alarmFired(): void
}

/**
 * The clock, randomness and the single alarm of a Durable Object. The alarm survives hibernation, and setting it costs
 * a row write: one that is set for an earlier time is left to fire, and is then set anew.
 */
export function objectPlatform(ctx: DurableObjectState): ObjectPlatform {
  const { storage } = ctx
  // An alarm set before hibernation may be lost or have fired, so it counts as not set.
  let set: Millis | null = null
  let onAlarm: (() => void) | null = null
  const log: Platform['log'] = (level, message, details = {}) =>
    console.log(
      withoutSecrets(shownJson(JSON.stringify({ time: new Date().toISOString(), level, msg: message, ...details }))),
    )
  return {
    hibernates: true,
    now: Date.now,
    uuid: () => crypto.randomUUID(),
    rowId: rowIds(),
    seed: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 1) >>> 1,
    // Frames and requests that arrive together are read before this runs, and share one turn.
    defer: (run, ms = 0) => void setTimeout(run, ms),
    setAlarm(at, callback) {
      onAlarm = at === null ? null : callback
      if (at !== null && set !== null && set <= at) return
      // Without a deadline, an alarm that is set may fire to no effect: it is just not relied upon.
      set = at
      if (at === null) return
      storage.setAlarm(at).catch((error: unknown) => {
        set = null
        log('error', 'the alarm could not be set', { error: String(error) })
      })
    },
    post(request) {
      const done = fetchPost(request)
      // Keeps the object in memory while an answer is awaited.
      ctx.waitUntil(done.catch(() => {}))
      return done
    },
    sources: { file_watch: startReported },
    configChecks: { file_watch: checkReported, email: checkMailAddress },
    alarmFired() {
      set = null
      onAlarm?.()
    },
    log,
  }
}
