import * as v from 'valibot'
import { isObject, type Json, type JsonObject, toText } from '../base/json.ts'

/** The schema of each field. */
type Fields = Readonly<Record<string, v.GenericSchema>>

/**
 * Repairs common errors in robots' messages. A field of a wrong type is converted to the text, number or list that it
 * represents, or left out if it is optional. A required one that cannot be converted stays, so that the schema refuses
 * it.
 */
export function mend(fields: Fields, given: JsonObject, note: (flaw: string) => void): JsonObject {
  const mended = Object.entries(given).flatMap(([name, value]): [string, Json][] => {
    const schema = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (schema === undefined) return []
    if (v.is(schema, value)) return [[name, value]]
    const reading = IDS.has(name) ? undefined : readingsOf(value).find(({ read }) => v.is(schema, read))
    if (reading !== undefined) {
      note(`${name} was ${nameOf(value)} and was read as a ${reading.as}`)
      return [[name, reading.read]]
    }
    // Many languages write null for an absent value.
    const isGiven = value !== null
    if (!v.is(schema, undefined) || (isGiven && staysAsGiven(name, value))) return [[name, value]]
    if (isGiven) note(`${name} was ${nameOf(value)} and was left out`)
    return []
  })
  return Object.fromEntries(mended)
}

/** An id must not be converted. */
const IDS: ReadonlySet<string> = new Set(['job_id', 'robot_id'])

/**
 * True for fields that must not be repaired: with a wrong environment, or without capabilities that are too large, the
 * robot would get jobs that it cannot run.
 */
function staysAsGiven(name: string, value: Json): boolean {
  return name === 'environment' || (name === 'capabilities' && isObject(value))
}

interface Reading {
  readonly as: 'text' | 'number' | 'list of texts'
  readonly read: Json
}

function readingsOf(value: Json): readonly Reading[] {
  if (value === null) return []
  if (typeof value === 'string') return NUMBER.test(value) ? [{ as: 'number', read: Number(value) }] : []
  if (!Array.isArray(value)) return [{ as: 'text', read: toText(value) }]
  const list = value as readonly Json[]
  const isPlain = list.every((item) => typeof item === 'string' || typeof item === 'number')
  if (!isPlain) return [{ as: 'text', read: toText(value) }]
  // Python gives a traceback as the list of its lines.
  return [{ as: 'list of texts', read: list.map(String) }, { as: 'text', read: list.map(String).join('\n') }]
}

const NUMBER = /^\s*-?\d{1,15}(?:\.\d{1,15})?\s*$/

/** A description of the value's type, for people. */
function nameOf(value: Json): string {
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  const text = toText(value)
  return text.length <= 60 ? text : 'a text of another form'
}
