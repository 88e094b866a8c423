/**
 * Globs for files, chats and mail. The platform's regular expressions would backtrack over every way to divide a text
 * among the stars. Here the first match of the piece after a star is as good as any later one, so no position is tried
 * twice.
 */

/** True if a pattern matches the path. */
export type Glob = (path: string) => boolean

/** The total length of a trigger's patterns with braces expanded: matching takes the path's length times that. */
export const GLOB_CHARS_MAX = 1_000

/** The number of alternatives that the braces of one pattern may expand to. */
const ALTERNATIVES_MAX = 100

/** The length of patterns with braces expanded; null if there are too many alternatives. */
export function globChars(patterns: readonly string[]): number | null {
  const all = patterns.map(alternatives)
  return all.some((some) => some === null) ? null : all.flat().reduce((sum, one) => sum + (one?.length ?? 0), 0)
}

/**
 * Compiles a pattern for paths, whose folders are separated by slashes. Without a slash it is matched against the name
 * alone. `*` matches any characters except a slash, `?` one, `[a-z]` and `[!a-z]` one inside and outside a class, `**`
 * between slashes any folders, and `{a,b}` and `{1..3}` each alternative. A backslash escapes the next character. A
 * name that begins with a dot is matched only by a pattern that does, unless `dot` is true.
 */
export function globOf(pattern: string, dot = false): Glob {
  const ways = (alternatives(pattern) ?? [pattern]).map(segmentsOf)
  const byName = !pattern.includes('/')
  return (path) => {
    const names = byName ? [path.slice(path.lastIndexOf('/') + 1)] : path.split('/')
    const letters = names.map((name) => [...name])
    return ways.some((way) => meansPath(way, letters, dot))
  }
}

/** Any number of folders. */
const FOLDERS = '**'
const STAR = Symbol('*')
const ANY = Symbol('?')

/** A class of characters, possibly negated. */
interface Class {
  readonly not: boolean
  readonly ranges: readonly (readonly [from: string, to: string])[]
}

type Token = string | typeof STAR | typeof ANY | Class
type Segment = typeof FOLDERS | readonly Token[]

function meansPath(way: readonly Segment[], names: readonly (readonly string[])[], dot: boolean): boolean {
  // The segments that may match next.
  let next = beyondFolders(way, [0])
  for (const name of names) {
    const hidden = name[0] === '.' && !dot
    const after: number[] = []
    for (const at of next) {
      const segment = way[at]
      if (segment === FOLDERS) {
        if (!hidden) after.push(at, ...at === way.length - 1 ? [way.length] : [])
      } else if (segment !== undefined && meansName(segment, name, hidden)) after.push(at + 1)
    }
    next = beyondFolders(way, after)
  }
  return next.includes(way.length)
}

/** The same positions, and those after a `**`, which may match no folder; at the end only the file remains. */
function beyondFolders(way: readonly Segment[], places: readonly number[]): number[] {
  const all = new Set<number>()
  for (const at of places) {
    all.add(at)
    if (way[at] === FOLDERS && at < way.length - 1) all.add(at + 1)
  }
  return [...all]
}

function meansName(tokens: readonly Token[], name: readonly string[], hidden: boolean): boolean {
  if (hidden && tokens[0] !== '.') return false
  let [token, letter] = [0, 0]
  let star = -1
  let since = 0
  while (letter < name.length) {
    const wanted = tokens[token]
    if (wanted === STAR) {
      star = token++
      since = letter
    } else if (wanted !== undefined && isMeant(wanted, name[letter] as string)) {
      token++
      letter++
    } else if (star >= 0) {
      // Extend the last star by one character; earlier stars need not be reconsidered.
      token = star + 1
      letter = ++since
    } else return false
  }
  while (tokens[token] === STAR) token++
  return token === tokens.length
}

function isMeant(token: Exclude<Token, typeof STAR>, letter: string): boolean {
  if (token === ANY) return true
  if (typeof token === 'string') return token === letter
  return token.ranges.some(([from, to]) => from <= letter && letter <= to) !== token.not
}

/** Splits a pattern into segments. Repeated `**` are merged, since each would be tried for each name. */
function segmentsOf(pattern: string): Segment[] {
  const segments = pattern.replaceAll('\\/', '/').split('/').map(segmentOf)
  return segments.filter((segment, i) => segment !== FOLDERS || segments[i - 1] !== FOLDERS)
}

function segmentOf(text: string): Segment {
  if (text === FOLDERS) return FOLDERS
  const letters = [...text]
  const tokens: Token[] = []
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] as string
    if (letter === '\\') tokens.push(letters[++at] ?? letter)
    else if (letter === '*') {
      if (tokens.at(-1) !== STAR) tokens.push(STAR)
    } else if (letter === '?') tokens.push(ANY)
    else if (letter === '[') {
      const read = classAt(letters, at)
      tokens.push(read?.token ?? letter)
      at = read?.end ?? at
    } else tokens.push(letter)
  }
  return tokens
}

/** The character class that begins here, and its end; null if it is not closed. */
function classAt(letters: readonly string[], from: number): { readonly token: Class; readonly end: number } | null {
  const not = letters[from + 1] === '!' || letters[from + 1] === '^'
  const first = from + (not ? 2 : 1)
  const ranges: [string, string][] = []
  for (let at = first; at < letters.length; at++) {
    if (letters[at] === ']' && at > first) return { token: { not, ranges }, end: at }
    if (letters[at] === '\\') at++
    const one = letters[at] as string | undefined
    const isRange = letters[at + 1] === '-' && letters[at + 2] !== undefined && letters[at + 2] !== ']'
    if (one === undefined) return null
    ranges.push([one, isRange ? letters[at + 2] as string : one])
    if (isRange) at += 2
  }
  return null
}

/** Expands braces; null if there are too many alternatives. */
function alternatives(pattern: string): readonly string[] | null {
  const done: string[] = []
  const left = [pattern]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    const ways = unbraced(one)
    if (ways === null) done.push(one)
    else left.push(...ways)
    if (done.length + left.length > ALTERNATIVES_MAX) return null
  }
  return done
}

/** Expands the first braces of a pattern; null if there are none. */
function unbraced(pattern: string): readonly string[] | null {
  for (let open = 0; open < pattern.length; open++) {
    if (pattern[open] === '\\') open++
    else if (pattern[open] === '{') {
      const read = bracesAt(pattern, open)
      if (read !== null) return read.ways.map((way) => pattern.slice(0, open) + way + pattern.slice(read.end + 1))
    }
  }
  return null
}

function bracesAt(pattern: string, open: number): { readonly ways: readonly string[]; readonly end: number } | null {
  const ways: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open; at < pattern.length; at++) {
    const letter = pattern[at]
    if (letter === '\\') at++
    else if (letter === '{') depth++
    else if (letter === ',' && depth === 1) {
      ways.push(pattern.slice(from, at))
      from = at + 1
    } else if (letter === '}' && --depth === 0) {
      ways.push(pattern.slice(from, at))
      const all = ways.length > 1 ? ways : rangeOf(ways[0] ?? '')
      return all === null ? null : { ways: all, end: at }
    }
  }
  return null
}

/** Expands `1..3` to its integers, up to the limit. */
function rangeOf(text: string): readonly string[] | null {
  const [, from, to] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(text) ?? []
  if (from === undefined || to === undefined) return null
  const [least, most] = [Math.min(Number(from), Number(to)), Math.max(Number(from), Number(to))]
  return Array.from({ length: Math.min(most - least, ALTERNATIVES_MAX) + 1 }, (_, i) => String(least + i))
}

/**
 * True if a text matches a pattern in which only `*` is special and matches any text. Ignores case. `whole`: the
 * pattern must match the whole text, not just a part of it.
 */
export function isLike(text: string, pattern: string, whole: boolean): boolean {
  const given = text.toLowerCase()
  const pieces = pattern.toLowerCase().split('*')
  const first = whole ? pieces.shift() ?? '' : ''
  const last = whole ? pieces.pop() : ''
  if (last === undefined) return given === first
  if (!given.startsWith(first)) return false
  let at = first.length
  for (const piece of pieces) {
    at = behind(given, piece, at)
    if (at < 0) return false
  }
  return given.length - last.length >= at && given.endsWith(last)
}

/**
 * The end of the first occurrence of a piece; -1 if there is none. Uses the Knuth-Morris-Pratt algorithm, which reads
 * each character at most twice; the platform's search may read it once for each character of the piece.
 */
function behind(text: string, piece: string, from: number): number {
  if (piece === '') return from
  const back = [0]
  for (let at = 1, fits = 0; at < piece.length; at++) {
    while (fits > 0 && piece[at] !== piece[fits]) fits = back[fits - 1] as number
    if (piece[at] === piece[fits]) fits++
    back.push(fits)
  }
  for (let at = from, fits = 0; at < text.length; at++) {
    while (fits > 0 && text[at] !== piece[fits]) fits = back[fits - 1] as number
    if (text[at] === piece[fits]) fits++
    if (fits === piece.length) return at + 1
  }
  return -1
}
