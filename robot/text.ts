import { cut } from '../core/base/text.ts'

/**
 * Text as the orchestrator takes it: well-formed, without U+0000, and at most `charsMax` characters long, the last
 * of which say how much was cut off.
 */
export function truncate(text: string, charsMax: number): string {
  const clean = text.replaceAll('\u0000', '\ufffd')
  if (clean.length <= charsMax) return clean.toWellFormed()
  const kept = cut(clean, charsMax)
  return `${kept}… [${clean.length - kept.length} characters cut]`
}

/** What to say of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
