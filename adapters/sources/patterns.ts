import { globOf } from '../../core/base/glob.ts'

/**
 * Whether a file's path is one of those that the patterns choose: at least one lets it in, and none that begins with `!`
 * leaves it out. A pattern without a slash is about the file's name, one with slashes about the whole path; `*` and
 * `**` pass over names that begin with a dot, as in a shell. Upper and lower case differ; ways to write one letter in
 * Unicode do not. Folders of the path are divided by slashes.
 */
export function compilePatterns(patterns: readonly string[]): (path: string) => boolean {
  const composed = patterns.map((pattern) => pattern.normalize('NFC'))
  const out = composed.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  const own = composed.filter((pattern) => !pattern.startsWith('!'))
  const letIn = (own.length === 0 ? ['*'] : own).map((pattern) => globOf(pattern))
  // What is left out is left out with a dot before its name too.
  const leftOut = out.map((pattern) => globOf(pattern, true))
  return (path) => {
    const given = path.normalize('NFC')
    return letIn.some((glob) => glob(given)) && !leftOut.some((glob) => glob(given))
  }
}

/**
 * A path of any machine with slashes between its folders. A backslash divides them on Windows, where no path begins with a
 * slash; elsewhere it is a letter like any other.
 */
export function withForwardSlashes(path: string): string {
  return path.startsWith('/') ? path : path.replaceAll('\\', '/')
}
