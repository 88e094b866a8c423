import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** Tests about the source itself: DESIGN's layout holds, and `core/` stays free of the platform. */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDERS = [
  'core',
  'adapters',
  'workflows',
  'robot',
  'outgoing',
  'client',
  'cli',
  'tests',
  'bench',
  'scripts',
]

/** The folders that a folder may import from, besides itself. Tests and benchmarks may use everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  workflows: ['core'],
  adapters: ['core', 'workflows', 'outgoing', 'package.json', 'schemas'],
  robot: ['core', 'workflows', 'outgoing', 'package.json'],
  outgoing: [],
  client: ['core', 'workflows'],
  cli: ['core', 'client', 'workflows', 'robot', 'package.json'],
  // The command passes `start` to the adapters, after checking the version of Node.
  'cli/bin.ts': ['adapters'],
}
/** Ordinary clients of the protocol may use only these rooms of the core. */
const CLIENTS = ['robot', 'client', 'cli']
const CLIENT_ROOMS = ['base', 'protocol', 'trigger-types', 'records', 'api']

/**
 * The rooms of the core from the ground up, as core/README.md lists them: folders, and the files that stand in none. A room
 * imports only rooms on floors below its own; types count.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['base'],
  ['protocol', 'settings.ts', 'timers.ts'],
  ['trigger-types'],
  ['records'],
  ['api', 'events', 'prefetch.ts', 'indexes.ts', 'session.ts', 'fact.ts'],
  ['state.ts', 'reply.ts'],
  ['turn.ts'],
  ['access', 'limiter', 'queue'],
  ['workflows'],
  ['webhooks'],
  ['jobs'],
  ['dispatcher', 'robots', 'scheduler', 'triggers'],
  ['explain', 'load.ts', 'clock.ts', 'on-timer.ts', 'reactions.ts', 'needs.ts'],
  ['step.ts'],
  ['index.ts'],
]

/** Files that are named for being the way into their folder. */
const ENTRIES = [
  'core/index.ts',
  'core/api/index.ts',
  'core/events/index.ts',
  'core/trigger-types/index.ts',
  'adapters/chat/index.ts',
  'adapters/cloudflare/index.ts',
  'adapters/deno/index.ts',
  'adapters/engine/index.ts',
  'adapters/node/index.ts',
]

/** The packages that the core may use, and where. */
const CORE_PACKAGES: Readonly<Record<string, RegExp>> = {
  'valibot': /^core\/(protocol|trigger-types|records|api)\//,
  'croner': /^core\/records\/cron\.ts$/,
  'json-p3': /^core\/triggers\/json-path\.ts$/,
  're2js': /^core\/base\/pattern\.ts$/,
}

/** Files that are longer than the limit, each with its reason. */
const LINES_MAX = 300
const LONG: Readonly<Record<string, string>> = {
  'adapters/store/tables.ts': 'one list: a line for each column of each table',
}

interface Source {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly imports: readonly string[]
}

const sources = FOLDERS.flatMap((folder) => filesIn(join(ROOT, folder))).map(read)
const inFolder = (folder: string): readonly Source[] => sources.filter(({ path }) => path.startsWith(`${folder}/`))

test('there is something to look at', () => {
  expect(sources.length).toBeGreaterThan(50)
  expect(inFolder('core').length).toBeGreaterThan(20)
})

test('imports respect the layout', () => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports.filter((target) => target.startsWith('.')).flatMap((target) => {
      const from = path.split('/')[0] ?? ''
      const to = relative(ROOT, resolve(ROOT, dirname(path), target))
      const folder = to.split('/')[0] ?? ''
      const allowed = MAY_IMPORT[path] ?? MAY_IMPORT[from]
      if (allowed === undefined || folder === from) return []
      if (!allowed.includes(folder)) return [`${path} imports ${to}`]
      const hidden = folder === 'core' && CLIENTS.includes(from) && !CLIENT_ROOMS.includes(roomOf(to))
      return hidden ? [`${path} imports ${to}`] : []
    })
  )
  expect(wrong).toEqual([])
})

test('a room of the core imports only rooms on floors below its own', () => {
  const floorOf = (path: string): number => FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)))
  const core = inFolder('core')
  expect(core.filter(({ path }) => floorOf(path) < 0).map(({ path }) => path)).toEqual([])
  const upward = core.flatMap(({ path, imports }) =>
    imports.filter((target) => target.startsWith('.')).map((target) => join(dirname(path), target))
      .filter((to) => roomOf(to) !== roomOf(path) && floorOf(to) >= floorOf(path)).map((to) => `${path} imports ${to}`)
  )
  expect(upward).toEqual([])
})

test('the reading order of the core lists every room, from the ground up', () => {
  const listed = [...readFileSync(join(ROOT, 'core/README.md'), 'utf8').matchAll(/^\| *\d* *\| \[`([^`]+?)\/?`\]/gm)]
  expect(listed.map(([, room]) => room)).toEqual(FLOORS.flat())
})

test('the core imports valibot where it decodes, three packages in one file each, and no other', () => {
  const wrong = inFolder('core').flatMap(({ path, imports }) =>
    imports.filter((target) => !target.startsWith('.') && CORE_PACKAGES[target]?.test(path) !== true)
      .map((target) => `${path} imports ${target}`)
  )
  expect(wrong).toEqual([])
})

test('the core has no clock, no randomness, no timers, no waiting and no platform', () => {
  const banned =
    /\b(Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|Deno|Bun|globalThis|console|crypto|fetch|Buffer|require)\b(?!['"`:])|Math\.random|\bawait\b|\basync\b|\bPromise\b/g
  // An instant as a `Date` object does not read the clock; croner needs it.
  const allowed = (path: string, code: string): string =>
    path === 'core/records/cron.ts' ? code.replace(/new Date\(\w+\)/g, '') : code
  const wrong = inFolder('core').flatMap(({ path, code }) =>
    (allowed(path, code).match(banned) ?? []).map((word) => `${path}: ${word}`)
  )
  expect(wrong).toEqual([])
})

test('only a store makes receipts', () => {
  const wrong = sources.filter(({ path, code }) =>
    /new Receipt\b/.test(code) && !['adapters/store/', 'tests/', 'bench/'].some((folder) => path.startsWith(folder))
  )
  expect(wrong.map(({ path }) => path)).toEqual([])
})

test('no file is longer than a screenful of screens without a stated reason', () => {
  const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ path, lines }) => lines > LINES_MAX && LONG[path] === undefined)
  expect(long).toEqual([])
})

test('no folder or file is named for not having decided', () => {
  const undecided = /(^|\/)(utils?|lib|helpers?|services?|managers?|shared|types|common|index)(\/|\.ts$)/
  const paths = sources.map(({ path }) => path).filter((path) => !ENTRIES.includes(path))
  expect(paths.filter((path) => undecided.test(path))).toEqual([])
})

test('nothing is exported by default or passed on wholesale', () => {
  const wrong = sources.filter(({ code }) => /^export default|^export \*/m.test(code)).map(({ path }) => path)
  expect(wrong).toEqual([])
})

/** Names that `adapters/` exports from more than one file, each with its reason. */
const TWICE: Readonly<Record<string, string>> = {
  start: 'what each runtime exports under this name: casare-orchestrator/node and casare-orchestrator/deno',
}

test('no name is exported by two files of adapters/ without a stated reason', () => {
  const files = new Map<string, Set<string>>()
  for (const { path, code } of inFolder('adapters')) {
    const names = code.matchAll(/^export (?:async )?(?:function\*?|const|let|class|interface|type) (\w+)/gm)
    for (const [, name = ''] of names) files.set(name, (files.get(name) ?? new Set()).add(path))
  }
  const twice = [...files].filter(([name, { size }]) => size > 1 && TWICE[name] === undefined)
  expect(twice.map(([name, paths]) => `${name}: ${[...paths].join(', ')}`)).toEqual([])
})

test('every exported function says what it promises', () => {
  const silent = ['core', 'adapters', 'robot', 'outgoing', 'workflows', 'client', 'cli'].flatMap(inFolder).flatMap((
    { path, text },
  ) =>
    [...text.matchAll(/(^|\n)([^\n]*)\nexport (?:async )?function (\w+)/g)]
      .filter(([, , before]) => !/\*\/\s*$/.test(before ?? '') && !/^export (async )?function/.test(before ?? ''))
      .map(([, , , name]) => `${path}: ${name}`)
  )
  expect(silent).toEqual([])
})

/** The files that declare data. docs/decisions/0019. */
const DATA = /^core\/(events|records|api|fact\.ts|jobs\/create\.ts)/
/** Code that stands beside the data: a pattern that has been read, and what describes records and routes. */
const NO_DATA = ['core/records/cron.ts', 'core/records/record.ts', 'core/api/paths.ts', 'core/api/route.ts']

test('events, rows and views are spelled in snake_case', () => {
  const declared = inFolder('core').filter(({ path }) => DATA.test(path) && !NO_DATA.includes(path))
  const camel = declared.flatMap(({ path, code }) =>
    [...code.matchAll(/^ +readonly ([a-z]+[A-Z]\w*)\??: (?!.*=>)/gm)].map(([, field]) => `${path}: ${field}`)
  )
  expect(declared.length).toBeGreaterThan(20)
  expect(camel).toEqual([])
})

test('every rule of the protocol has a test on the wire that bears its number', () => {
  const rules = [...readFileSync(join(ROOT, 'docs/PROTOCOL.md'), 'utf8').matchAll(/^\*\*(P\d+)\.\*\*/gm)].map((m) =>
    m[1]
  )
  const testedIn = (folder: string): ReadonlySet<string | undefined> =>
    new Set(inFolder(folder).flatMap(({ text }) => [...text.matchAll(/'\[(P\d+)\]/g)].map((m) => m[1])))
  expect(rules.length).toBeGreaterThan(20)
  // From outside, against each runtime: a test of the core shows decisions, not messages.
  expect(rules.filter((rule) => !testedIn('tests/wire').has(rule))).toEqual([])
  expect([...testedIn('tests')].filter((rule) => rule === undefined || !rules.includes(rule))).toEqual([])
})

test('what a schema refuses is said by checkValue alone: no sentence of valibot reaches a user', () => {
  const asking = sources.filter(({ path, code }) =>
    !path.startsWith('tests/') && /\bv\.(safeParse|safeParser)\(/.test(code)
  )
  // The other two read what robots send, and say nothing.
  const paths = ['core/protocol/loose.ts', 'core/protocol/message.ts', 'core/protocol/problems.ts']
  expect(asking.map(({ path }) => path).toSorted()).toEqual(paths)
})

/** The folder of a file of the core, or the file itself where it stands in none. */
function roomOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function filesIn(folder: string): string[] {
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/node_modules|\.wrangler/.test(path))
}

function read(path: string): Source {
  const text = readFileSync(path, 'utf8')
  // Comments may speak of anything; strings are left in, for imports stand in them.
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
  const imports = [...code.matchAll(/(?:from|import) '([^']+)'/g)].map((match) => match[1] ?? '')
  return { path: relative(ROOT, path), text, code, imports }
}
