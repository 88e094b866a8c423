import { type Json, JSON_DEPTH_MAX, JSON_KEYS_MAX, type JsonObject, NUMBER_CHARS_MAX, tokenOf } from '../base/json.ts'

/** How a value, or what is left of it, is made to fit what every runtime stores and reads back alike. */
export interface Room {
  /** How many more members may be kept. */
  members: number
  /** Whether texts may hold what cannot be stored: only then is each of them looked at. */
  readonly unclean: boolean
  /** Whether numbers are in it as they were written: `Parsed.written`. */
  readonly numbers: boolean
  /** Something was left out since this was last set: it lay too deep, was one of too many, or a number that is too long. */
  deep: boolean
  many: boolean
  long: boolean
}

/** How many levels a field of a payload lies below the top of its message. */
export const FIELD_DEPTH = 2

/** What stands in place of what lies too deep. */
const LEFT_OUT = '…'

/** An escaped surrogate, or U+0000, which JSON text can only hold escaped. */
const UNCLEAN = /\\u(?:0000|[dD][89a-fA-F])/

/** Room for the values of one message, of which this is the text. */
export function roomFor(text: string): Room {
  return {
    members: JSON_KEYS_MAX,
    unclean: UNCLEAN.test(text) || !text.isWellFormed(),
    numbers: false,
    deep: false,
    many: false,
    long: false,
  }
}

/** As much of a value as fits: the value itself, where all of it does. `depth`: how many levels it lies below the top. */
export function fitJson(json: Json, depth: number, room: Room): Json {
  if (typeof json === 'string') return room.numbers ? fitText(json, room) : room.unclean ? cleanText(json) : json
  if (typeof json !== 'object' || json === null) return json
  if (depth >= JSON_DEPTH_MAX) {
    room.deep = true
    return LEFT_OUT
  }
  return Array.isArray(json)
    ? fitList(json as readonly Json[], depth, room)
    : fitObject(json as JsonObject, depth, room)
}

function fitText(written: string, room: Room): string {
  const token = tokenOf(written)
  if (token === null) return cleanText(written)
  if (token.length <= NUMBER_CHARS_MAX) return written
  room.long = true
  return LEFT_OUT
}

/** Text as it can be stored: runtimes differ in what becomes of lone surrogates, and SQLite reads up to U+0000. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd')
}

function fitList(list: readonly Json[], depth: number, room: Room): Json {
  const kept = list.length <= room.members ? list : list.slice(0, room.members)
  if (kept !== list) room.many = true
  room.members -= kept.length
  let copy: Json[] | null = null
  for (let i = 0; i < kept.length; i++) {
    const item = kept[i] as Json
    const fitted = fitJson(item, depth + 1, room)
    if (fitted !== item) (copy ??= [...kept])[i] = fitted
  }
  return copy ?? kept
}

function fitObject(object: JsonObject, depth: number, room: Room): Json {
  // Every frame comes through here, and a list of pairs would be an array for each member.
  const keys = Object.keys(object)
  let copy: [string, Json][] | null = null
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    if (room.members === 0) {
      room.many = true
      copy ??= pairs(object, keys, i)
      break
    }
    room.members--
    const value = object[key] as Json
    const fitted = fitJson(value, depth + 1, room)
    const name = room.unclean ? cleanText(key) : key
    if (fitted !== value || name !== key) copy ??= pairs(object, keys, i)
    copy?.push([name, fitted])
  }
  return copy === null ? object : Object.fromEntries(copy)
}

function pairs(object: JsonObject, keys: readonly string[], count: number): [string, Json][] {
  return keys.slice(0, count).map((key) => [key, object[key] as Json])
}
