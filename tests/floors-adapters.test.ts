import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** The rooms of `adapters/`: each file is in one, and a room imports only rooms below it. */

const ROOT = fileURLToPath(new URL('../adapters', import.meta.url))

/** From the ground up. A room may import what stands before it. */
const FLOORS = [
  'crypto',
  'net',
  'store',
  'triggers',
  'sources',
  'webhooks',
  'chat',
  'form',
  'fleet',
  'commands',
  'views',
  'http/kit',
  'http/routes',
  'http/public',
  'http',
  'hosting',
  'node',
  'deno',
  'engine',
  'cloudflare',
]

/** The top rooms: nothing imports them, and they do not import each other. */
const ROOFS = ['deno', 'engine', 'cloudflare']

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.includes('.wrangler'))

test('every file of adapters is in a room, and every room has files', () => {
  expect(files.filter((path) => !FLOORS.includes(dirname(path)))).toEqual([])
  expect(FLOORS.filter((room) => !files.some((path) => dirname(path) === room))).toEqual([])
})

test('a room of adapters imports only rooms below it', () => {
  const wrong = files.flatMap((path) =>
    importsOf(path).filter((target) => !mayImport(dirname(path), dirname(target))).map((target) =>
      `${path} imports ${target}`
    )
  )
  expect(wrong).toEqual([])
})

test('the list of rooms in adapters/README.md is the order of the floors', () => {
  const listed = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/^\| `([\w-]+)\/` \|/gm)].map((m) => m[1])
  expect(listed).toEqual(FLOORS.filter((room) => !room.includes('/')))
})

function mayImport(from: string, to: string): boolean {
  if (from === to) return true
  return FLOORS.indexOf(to) < FLOORS.indexOf(from) && !ROOFS.includes(to)
}

/** The files of `adapters/` that a file imports, for types too. */
function importsOf(path: string): readonly string[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...text.matchAll(/(?:from|import|import\() ?'(\.[^']+)'/g)]
    .map(([, target = '']) => relative(ROOT, resolve(ROOT, dirname(path), target)))
    .filter((target) => !target.startsWith('..'))
}
