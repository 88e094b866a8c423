import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** Tests about the prose in comments and documents: the rules of CONTRIBUTING.md, as far as a pattern can judge them. */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
}).split('\n').filter((path) => existsSync(join(ROOT, path)))
// The samples below are what the rule is against.
const sources = files.filter((path) => path.endsWith('.ts') && path !== 'tests/prose.test.ts')
const pages = files.filter((path) => path.endsWith('.md'))
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** The words and openings that CONTRIBUTING.md rules out in comments and documents. */
const PROSE: Readonly<Record<string, RegExp>> = {
  'says whoever': /\bwhom?(ever|soever)\b/i,
  'says lest': /\blest\b/i,
  "says nobody's": /\bnobody's\b/i,
  'calls a person he': /\b(he|his|him|himself)\b/i,
}
const RIDDLE = /^(What|Whether|Who|Whom|Whose|How|Where|Why|That which)\b/

/** The faults of a comment. `opens`: it is a doc comment, which says what the thing is or does from its first word. */
function faultsOf(text: string, opens: boolean): string[] {
  const words = Object.entries(PROSE).flatMap(([fault, pattern]) => (pattern.test(text) ? [fault] : []))
  const [riddle] = (opens ? RIDDLE.exec(text) : null) ?? []
  return riddle === undefined ? words : [...words, `opens with ${riddle}`]
}

/** The comments of a source as plain text. Strings may hold the marks of comments, so these stand at the start of a line. */
function commentsOf(code: string): readonly { readonly text: string; readonly opens: boolean }[] {
  const docs = [...code.matchAll(/^ *\/\*\*([\s\S]*?)\*\//gm)].map(([, text = '']) => plain(text, /^ *\* ?/gm))
  const lines = [...code.matchAll(/(?:^|\s)\/\/ (.*)$/gm)].map(([, text = '']) => text)
  return [...docs.map((text) => ({ text, opens: true })), ...lines.map((text) => ({ text, opens: false }))]
}

function plain(text: string, marks: RegExp): string {
  return text.replace(marks, '').replace(/\s+/g, ' ').trim()
}

test('comments and documents are plain English', () => {
  const inCode = sources.flatMap((path) =>
    commentsOf(textOf(path)).flatMap((one) =>
      faultsOf(one.text, one.opens).map((fault) => `${path} ${fault}: ${one.text}`)
    )
  )
  const inPages = pages.flatMap((path) =>
    textOf(path).replace(/```[\s\S]*?```|`[^`\n]*`|\*[^*\n]*\*/g, '').split('\n\n')
      .flatMap((text) => faultsOf(text, false).map((fault) => `${path} ${fault}: ${plain(text, /^/)}`))
  )
  expect(sources.length).toBeGreaterThan(500)
  expect(pages.length).toBeGreaterThan(20)
  expect([...inCode, ...inPages]).toEqual([])
})

test.each([
  ['/** What becomes of a job. */', ['opens with What']],
  ['/**\n * Whether it ran. Whoever asks is told.\n */', ['says whoever', 'opens with Whether']],
  ["const a = 1 // Where nobody's job is, lest it runs.", ['says lest', "says nobody's"]],
  ['  /** The robot of a person, at his desk. */', ['calls a person he']],
  ['/** The outcome of a job: what became of it, and where. */', []],
])('a comment that reads %j is judged', (code, faults) => {
  expect(commentsOf(code).flatMap(({ text, opens }) => faultsOf(text, opens))).toEqual(faults)
})
