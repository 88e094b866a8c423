import { createRequire } from 'node:module'

/*
 * Checked before anything else is imported: on an older Node even an import may fail, with a stack trace. This file and
 * those that import it must be readable by every Node that supports modules.
 */

/** The reason why the package does not run on this Node, in one line; null if it does. */
export function problemWithNode(running: string, needed: string): string | null {
  const [major = 0, minor = 0] = running.split('.').map(Number)
  const [least = 0, leastMinor = 0] = needed.replace(/^\D+/, '').split('.').map(Number)
  if (major > least || (major === least && minor >= leastMinor)) return null
  return `Node ${least}.${leastMinor} or newer is needed, and this is Node ${running}`
}

/** Ends the process with one line and status 1 if its Node is older than the package needs. */
export function requireNode(): void {
  const { engines } = createRequire(import.meta.url)('../../package.json') as { readonly engines: { node: string } }
  const problem = problemWithNode(process.versions.node, engines.node)
  if (problem === null) return
  process.stderr.write(`casare: ${problem}\n`)
  process.exit(1)
}
