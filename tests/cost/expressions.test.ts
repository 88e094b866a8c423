import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import { analyse } from 'scslre'
import { expect, test } from 'vitest'
import { parseAst } from 'vitest/node'

/** The regular expressions of the program: none may take longer than in proportion to what it is matched against. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A text in quotes with escapes in it. Where it is not closed each quotation mark begins one anew: `closingQuote`. */
const QUOTED = /\[\^(?:"|'|`)\\\\/

interface Expression {
  readonly pattern: string
  readonly flags: string
}

function expressionsIn(path: string): readonly Expression[] {
  const found: Expression[] = []
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if ('regex' in node && typeof node.regex === 'object' && node.regex !== null) found.push(node.regex as Expression)
    for (const child of Object.values(node)) walk(child)
  }
  walk(parseAst(transformSync(readFileSync(path, 'utf8'), { loader: 'ts', target: 'esnext' }).code))
  return found
}

function problemWith({ pattern, flags }: Expression): string | null {
  if (QUOTED.test(pattern)) return 'reads texts in quotes'
  const [report] = analyse({ source: pattern, flags }).reports
  return report === undefined ? null : `may look at the same again: ${report.type}`
}

test('what is too dear is found', () => {
  const problems = [/a+$/, /(a+)+b/, /^\s*(.*?)\s*$/, /"(?:[^"\\]|\\.)*"/g, /^a*b$/, /a[^<>]*>/].map((
    { source, flags },
  ) => problemWith({ pattern: source, flags }))
  expect(problems.map((problem) => problem !== null)).toEqual([true, true, true, true, false, true])
})

const FILES = ['core', 'adapters', 'workflows', 'robot', 'client', 'cli'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter(({ name }) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map(({ parentPath, name }) => relative(ROOT, join(parentPath, name)))
    .filter((path) => !/node_modules|\.wrangler/.test(path))
)

test('no regular expression looks at the same again and again', () => {
  let count = 0
  const dear = FILES.flatMap((path) =>
    expressionsIn(join(ROOT, path)).flatMap((expression) => {
      count++
      const problem = problemWith(expression)
      return problem === null ? [] : [`${path}: /${expression.pattern}/${expression.flags} ${problem}`]
    })
  )
  expect(count).toBeGreaterThan(100)
  expect(dear).toEqual([])
})
