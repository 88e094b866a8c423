import { createReadStream, openSync, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { ExactNumber, parseWritten } from '../core/base/exact.ts'
import { InvalidArgumentError } from 'commander'

/** Parsers of arguments. An argument that cannot be parsed is invalid usage, and the message says what is expected. */

/** A whole number from 1. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
}

/** `name=value`, added to the earlier ones. A value that parses as JSON is used as such, any other as text. */
export function parameter(text: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('It must be name=value.')
  return { ...before, [name]: jsonOr(value, value) }
}

/** A JSON object. */
export function jsonObject(text: string): object {
  const value = jsonOr(text, null)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExactNumber) {
    throw new InvalidArgumentError('It must be a JSON object.')
  }
  return value
}

/** The content of a file that must be UTF-8. */
export function fileText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const why = error instanceof TypeError ? 'it is not valid UTF-8' : (error as Error).message
    throw new InvalidArgumentError(`It cannot be read: ${why}.`)
  }
}

/** The content of a file as it is read, or for `-` of stdin. */
export function fileStream(path: string): Readable {
  if (path === '-') return process.stdin
  try {
    return createReadStream(path, { fd: openSync(path, 'r') })
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${(error as Error).message}.`)
  }
}

/** Appends the value of an option that may be given several times. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

function jsonOr(text: string, otherwise: unknown): unknown {
  try {
    return parseWritten(text)
  } catch {
    return otherwise
  }
}
