import { type Json, JSON_DEPTH_MAX, JSON_KEYS_MAX, type JsonObject, NUMBER_CHARS_MAX, tokenOf } from '../base/json.ts'

/** The remaining room for a value, which bounds it so that every runtime stores and reads it alike. */
export interface Room {
  /** The number of members that may still be kept. */
  members: number
  /** True if texts may contain characters that cannot be stored: only then is each text checked. */
  readonly unclean: boolean
  /** True if numbers are in their original notation, as in `Parsed.written`. */
  readonly numbers: boolean
  /** Set when something was left out: too deep, one member too many, or a number that is too long. */
  deep: boolean
  many: boolean
  long: boolean
}

/** The depth of a payload's field below the top of the message. */
export const FIELD_DEPTH = 2

/** Replaces a value that is too deep. */
const LEFT_OUT = '…'

/** An escaped surrogate, or U+0000, which JSON can only contain escaped. */
const UNCLEAN = /\\u(?:0000|[dD][89a-fA-F])/

/** Room for the values of one message with this text. */
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

/** As much of a value as fits; the same value if all of it does. `depth`: its depth below the top. */
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

/** Text that every runtime can store: lone surrogates are stored differently, and SQLite reads up to U+0000 only. */
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
  // Runs for every frame. A list of pairs would allocate an array for each member.
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
