import { v7 as uuidv7 } from 'uuid'
import type { Millis } from '../../core/base/ids.ts'
import type { Platform } from '../fleet/fleet.ts'
import { checkMailAddress } from './mail.ts'
import { fetchPost } from '../net/post.ts'
import { checkReported, startReported } from '../sources/reported.ts'
import { shownJson, withoutSecrets } from '../../core/base/text.ts'

/** A platform with the other end of its alarm. */
export interface ObjectPlatform extends Platform {
  /** The object's alarm has come: early, late or twice, it only means that the clock is to be looked at. */
  alarmFired(): void
}

/**
 * The clock, chance and the one alarm of a Durable Object. The alarm survives hibernation, and each setting of it is a
 * row that is written: one that is set for earlier is left to ring, and set anew then.
 */
export function objectPlatform(ctx: DurableObjectState): ObjectPlatform {
  const { storage } = ctx
  // What an earlier life has set may have been lost or may have rung: unknown is the same as none.
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
    rowId: uuidv7,
    seed: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 1) >>> 1,
    // Frames and requests that have arrived together are read before this, and share one turn.
    defer: (run, ms = 0) => void setTimeout(run, ms),
    setAlarm(at, callback) {
      onAlarm = at === null ? null : callback
      if (at !== null && set !== null && set <= at) return
      // Asked for no alarm, one that is set may ring in vain: it is only not relied upon any more.
      set = at
      if (at === null) return
      storage.setAlarm(at).catch((error: unknown) => {
        set = null
        log('error', 'the alarm could not be set', { error: String(error) })
      })
    },
    post(request) {
      const done = fetchPost(request)
      // Memory stays while an answer is waited for.
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
