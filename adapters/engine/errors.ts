import type { Reply } from '../../core/reply.ts'
import { isRefusal, type Refusal, type RefusalCode } from '../../core/base/refusal.ts'
import { camel, camelName } from './names.ts'

/** The engine refused a call. `code` is that of the HTTP API; `details` are for programs. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: RefusalCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: RefusalCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** The refusal as an error, with the engine's names for its fields. */
export function errorOf({ refused, message, details }: Refusal): RefusedError {
  const { fields } = details
  if (!Array.isArray(fields)) return new RefusedError(refused, message, camel(details))
  const named = fields.filter((name) => typeof name === 'string')
  const words = named.reduce((text, name) => text.replaceAll(name, camelName(name)), message)
    .replace(SUGGESTED, (names) => camelName(names))
  return new RefusedError(refused, words, { ...camel(details), fields: named.map(camelName) })
}

/** The names that a refusal of an unknown field offers: `unknownName`. */
const SUGGESTED = /(?:; did you mean |: use )[\w., ]+/g

/** Returns the value. Throws if it is a refusal. */
export function unwrap<T>(given: T | Refusal): T {
  if (isRefusal(given)) throw errorOf(given)
  return given
}

/** Returns the reply of the given type. Throws if it is a refusal. */
export function unwrapReply<T extends Reply['type']>(answer: Reply, type: T): Extract<Reply, { type: T }> {
  if (answer.type === 'refusal') throw errorOf(answer.refusal)
  if (answer.type !== type) throw new Error(`expected an answer of type ${type}, got ${answer.type}`)
  return answer as Extract<Reply, { type: T }>
}
