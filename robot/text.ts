import { cut } from '../core/base/text.ts'

/**
 * Text in the form that the orchestrator accepts: well-formed, without U+0000, and at most `charsMax` characters. If it
 * was cut, the last characters say by how much.
 */
export function truncate(text: string, charsMax: number): string {
  const clean = text.replaceAll('\u0000', '\ufffd')
  if (clean.length <= charsMax) return clean.toWellFormed()
  const kept = cut(clean, charsMax)
  return `${kept}… [${clean.length - kept.length} characters cut]`
}

/** The message for any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
