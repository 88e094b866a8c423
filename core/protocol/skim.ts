import type { Json, JsonObject } from '../base/json.ts'

/** A message that was read only as far as is needed to process it. */
export interface Skimmed {
  readonly json: JsonObject
  /** The fields of the payload of which only the beginning, as text, is present. */
  readonly cut: ReadonlySet<string>
}

/** The number of characters kept of a larger value, as text. */
const VALUE_CHARS_MAX = 65_536

/** The number of members that are read. No valid message has more. */
const MEMBERS_MAX = 1_000

/** The members of an envelope that are read. */
const HEAD: ReadonlySet<string> = new Set(['type', 'id', 'timestamp', 'correlation_id', 'payload'])

/**
 * Reads the envelope of a message that is too large or not JSON, and the small values of these fields of its payload,
 * without parsing the rest.
 * 1. Keys may come in any order, and the last of duplicates counts, as for `JSON.parse`.
 * 2. Deeper values are skipped by their brackets and quotation marks: no key in them counts.
 * 3. At invalid JSON it stops, and what came before counts.
 */
export function skim(text: string, fields: ReadonlySet<string>): Skimmed {
  const scan = new Scan(text)
  const cut = new Set<string>()
  const json = scan.members(HEAD, (key) => {
    if (key !== 'payload' || !scan.isObject) return scan.whole()
    cut.clear()
    return scan.members(fields, (field) => {
      const value = scan.value()
      if (scan.isCut) cut.add(field)
      else cut.delete(field)
      return value
    })
  })
  return { json, cut }
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const LIST = 0x5b
const LIST_END = 0x5d

/** A position in the text that moves forward. At invalid JSON it is marked as broken, and nothing more is read. */
class Scan {
  readonly #text: string
  #at = 0
  #broken = false
  /** True if the last value was truncated. */
  isCut = false

  constructor(text: string) {
    this.#text = text
    if (text.startsWith('\ufeff')) this.#at = 1
    this.#space()
  }

  /** True if an object begins here. */
  get isObject(): boolean {
    return this.#unit === OPEN
  }

  /** The members of the object that begins here: the wanted ones, read by `read`. Others are skipped. */
  members(wanted: ReadonlySet<string>, read: (key: string) => Json | undefined): JsonObject {
    const found = new Map<string, Json>()
    this.#expect(OPEN)
    for (let count = 0; !this.#broken && this.#unit !== CLOSE; count++) {
      this.#broken = count >= MEMBERS_MAX
      const key = this.#key()
      this.#expect(COLON)
      if (this.#broken) break
      if (key === null || !wanted.has(key)) this.#skip()
      else {
        const value = read(key)
        if (value === undefined) found.delete(key)
        else found.set(key, value)
      }
      if (this.#unit !== CLOSE) this.#expect(COMMA)
    }
    this.#expect(CLOSE)
    return Object.fromEntries(found)
  }

  /** The value that begins here, if it is small enough to be kept whole. */
  whole(): Json | undefined {
    const value = this.value()
    return this.isCut ? undefined : value
  }

  /** The value that begins here if it is small enough, otherwise its beginning as text. */
  value(): Json {
    const isText = this.#unit === QUOTE
    const from = this.#at
    const until = this.#skip()
    const raw = this.#text.slice(from, Math.min(until, from + VALUE_CHARS_MAX))
    const whole = this.#broken || until - from > VALUE_CHARS_MAX ? undefined : parsed(raw)
    this.isCut = whole === undefined
    if (whole !== undefined) return whole
    // Neither a string nor a bracketed value, and not valid JSON: its end is unknown.
    if (!isText && raw[0] !== '{' && raw[0] !== '[') this.#broken = true
    // It may have been cut in the middle of a character.
    return (isText ? beginning(raw) : raw).toWellFormed()
  }

  /** The code of the next character; NaN at the end. */
  get #unit(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #expect(unit: number): void {
    if (this.#unit !== unit) this.#broken = true
    if (this.#broken) return
    this.#at++
    this.#space()
  }

  /** Null for a key that cannot be read. */
  #key(): string | null {
    if (this.#unit !== QUOTE) this.#broken = true
    if (this.#broken) return null
    const raw = this.#text.slice(this.#at, this.#skip())
    if (raw.length > 100) return null
    return raw.includes('\\') ? parsed(raw) as string | undefined ?? null : raw.slice(1, -1)
  }

  /** Skips the value that begins here, and the white space after it. Returns the end of the value. */
  #skip(): number {
    const from = this.#at
    const unit = this.#unit
    if (unit === QUOTE) this.#skipText()
    else if (unit === OPEN || unit === LIST) this.#skipNested()
    else this.#skipWord()
    const until = this.#at
    if (until === from) this.#broken = true
    this.#space()
    return until
  }

  #skipText(): void {
    this.#at = textEnd(this.#text, this.#at)
    if (this.#text.charCodeAt(this.#at - 1) !== QUOTE) this.#broken = true
  }

  #skipNested(): void {
    const text = this.#text
    let depth = 0
    for (let i = this.#at; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === QUOTE) i = textEnd(text, i) - 1
      else if (unit === OPEN || unit === LIST) depth++
      else if ((unit === CLOSE || unit === LIST_END) && --depth === 0) {
        this.#at = i + 1
        return
      }
    }
    this.#at = text.length
    this.#broken = true
  }

  #skipWord(): void {
    const text = this.#text
    let i = this.#at
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit <= 0x20 || unit === COMMA || unit === CLOSE || unit === LIST_END) break
    }
    this.#at = i
  }

  #space(): void {
    while (isSpace(this.#unit)) this.#at++
  }
}

/** The end of the string that begins with the quotation mark at this position, after the closing one. */
function textEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === BACKSLASH) i++
    else if (unit === QUOTE) return i + 1
  }
  // One more, in case the last character is the opening mark, or escaped.
  return text.length + 1
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09
}

function parsed(text: string): Json | undefined {
  if (/^-?(?:NaN|Infinity)$/.test(text)) return null
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** The text of a truncated string. Its last characters may belong to an escape that was cut in two. */
function beginning(raw: string): string {
  for (let less = 0; less < 6; less++) {
    const text = parsed(`${raw.slice(0, raw.length - less)}"`)
    if (typeof text === 'string') return text
  }
  return raw.slice(1)
}
