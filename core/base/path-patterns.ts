import { globOf } from './glob.ts'

/**
 * Compiles patterns to a test of paths: at least one pattern must match, and none that begins with `!`. A pattern
 * without a slash is matched against the file's name, others against the whole path; `*` and `**` do not match names
 * that begin with a dot, as in a shell. Case matters; different Unicode encodings of one letter do not. Folders in the
 * path are separated by slashes.
 */
export function compilePatterns(patterns: readonly string[]): (path: string) => boolean {
  const composed = patterns.map((pattern) => pattern.normalize('NFC'))
  const out = composed.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  const own = composed.filter((pattern) => !pattern.startsWith('!'))
  const letIn = (own.length === 0 ? ['*'] : own).map((pattern) => globOf(pattern))
  // An excluding pattern also matches names that begin with a dot.
  const leftOut = out.map((pattern) => globOf(pattern, true))
  return (path) => {
    const given = path.normalize('NFC')
    return letIn.some((glob) => glob(given)) && !leftOut.some((glob) => glob(given))
  }
}

/**
 * A path of any system with slashes between folders. A backslash separates folders on Windows, where no path begins
 * with a slash; elsewhere it is an ordinary character.
 */
export function withForwardSlashes(path: string): string {
  return path.startsWith('/') ? path : path.replaceAll('\\', '/')
}
