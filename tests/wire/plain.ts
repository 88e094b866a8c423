import type { ErrorBody } from './api.ts'

/** Replaces values that differ between runs by names, so that transcripts differ only where the answers do. */

/** The replacements of unpredictable values. */
const UNFORESEEN: Readonly<Record<string, string>> = {
  duration_ms: '<ms>',
  avg_duration_ms: '<ms>',
  cooldown_remaining: '<seconds>',
  next_cursor: '<cursor>',
  key: '<key>',
  secret: '<secret>',
  seq: '<seq>',
}
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g
const TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
/** Times that are further from now were given by the script. */
const NEAR_MS = 14 * 24 * 3_600_000
/** Longer JSON is written over several lines. */
const LINE_MAX = 100
/** Longer text is cut. */
const TEXT_MAX = 250

/** Text that is not too long to read; what was cut says how long it was. */
export function short(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, 40)}… <${text.length} characters>`
}

/** True if the whole text is an id. */
export function isId(text: unknown): boolean {
  return typeof text === 'string' && text.replace(UUID, '') === '' && text !== ''
}

/** Names for what is unforeseen: the same id has the same name throughout. */
export class Plain {
  readonly #ids = new Map<string, string>()

  /** Text with every id and every present time by its name. */
  text(text: string): string {
    return text
      .replace(UUID, (id) => this.#nameOf(id))
      .replace(TIME, (time) => Math.abs(Date.parse(time) - Date.now()) < NEAR_MS ? '<time>' : time)
  }

  /** The same throughout a value of JSON, and of the fields that nobody can foresee only that they are there. */
  value(value: unknown): unknown {
    if (typeof value === 'string') {
      const text = this.text(value)
      return short(text)
    }
    if (Array.isArray(value)) return value.map((item) => this.value(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => {
        const unforeseen = item === null || typeof item === 'object' ? undefined : UNFORESEEN[name]
        return [name, unforeseen ?? this.value(item)]
      }),
    )
  }

  /** A value as it stands in a transcript: what fits on a line stands on one. */
  json(value: unknown, indent: string): string {
    return written(this.value(value), indent)
  }

  /** An error as it stands in a transcript: its code, its message, and its details where there are any. */
  error({ error_code, error_message, details }: ErrorBody['payload'], indent: string): string {
    const also = Object.keys(details).length === 0 ? '' : ` ${this.json(details, indent)}`
    return `error ${error_code} ${JSON.stringify(this.value(error_message))}${also}`
  }

  #nameOf(id: string): string {
    const name = this.#ids.get(id) ?? `<id ${this.#ids.size + 1}>`
    this.#ids.set(id, name)
    return name
  }
}

function written(value: unknown, indent: string): string {
  const line = JSON.stringify(value).replace(/[\u2028\u2029\ufeff]/g, (it) => `\\u${it.charCodeAt(0).toString(16)}`)
  if (line.length <= LINE_MAX || typeof value !== 'object' || value === null) return line
  const deeper = `${indent}  `
  const members = Array.isArray(value)
    ? value.map((item) => written(item, deeper))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${written(item, deeper)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${members.map((member) => deeper + member).join(',\n')}\n${indent}${close}`
}
