import type { JsonObject } from '../../core/base/json.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import type { Source, SourceContext } from './sources.ts'

/** The source of triggers whose events robots report: it listens to nothing. */
export function startReported(_trigger: unknown, context: SourceContext): Source {
  context.setStatus('active', 'robots report what happens')
  return { stop: () => Promise.resolve() }
}

/** For a platform without files. Refuses a folder of its own with INVALID_PAYLOAD. */
export function checkReported({ reported }: JsonObject): Refusal | null {
  if (reported === true) return null
  const message = 'there are no folders on this platform: have a robot report its files, with config.reported true'
  return refuse('INVALID_PAYLOAD', `Field config.watch_path: ${message}`, { fields: ['config.watch_path'] })
}
