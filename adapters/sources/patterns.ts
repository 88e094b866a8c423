import picomatch from 'picomatch'

type Test = (path: string) => boolean

/**
 * Whether a file's path is one of those that the patterns choose: at least one lets it in, and none that begins with `!`
 * leaves it out. A pattern without a slash is about the file's name, one with slashes about the whole path; `*` and
 * `**` pass over names that begin with a dot, as in a shell. Upper and lower case differ; ways to write one letter in
 * Unicode do not. Folders of the path are divided by slashes.
 */
export function choosing(patterns: readonly string[]): Test {
  const out = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1))
  const own = patterns.filter((pattern) => !pattern.startsWith('!'))
  const letIn = (own.length === 0 ? ['*'] : own).map((pattern) => testOf(pattern, false))
  // What is left out is left out with a dot before its name too.
  const leftOut = out.map((pattern) => testOf(pattern, true))
  return (path) => {
    const composed = path.normalize('NFC')
    return letIn.some((test) => test(composed)) && !leftOut.some((test) => test(composed))
  }
}

/**
 * A path of any machine with slashes between its folders. A backslash divides them on Windows, where no path begins with a
 * slash; elsewhere it is a letter like any other.
 */
export function slashed(path: string): string {
  return path.startsWith('/') ? path : path.replaceAll('\\', '/')
}

function testOf(pattern: string, dot: boolean): Test {
  // Every system's paths have been given slashes by now, so a backslash in a pattern is what takes away a meaning.
  return picomatch(pattern.normalize('NFC'), { dot, windows: false, basename: !pattern.includes('/') })
}
