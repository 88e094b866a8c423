import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ExactNumber } from '../../../core/base/exact.ts'
import { one as runOne, ran } from './workflow.ts'

let outside: string
let root: string
beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), 'casare-robot-'))
  root = join(outside, 'root')
  await mkdir(root)
})
afterAll(() => rm(outside, { recursive: true }))

/** One node with its files in this folder. */
const one = (type: string, config: Readonly<Record<string, unknown>>, ports: readonly string[], more: object = {}) =>
  runOne(type, config, ports, { options: { root }, ...more })

describe('file nodes', () => {
  test('write, append and read', async () => {
    const file_path = 'made/on/the/way.txt'
    const wrote = await one('WriteFileNode', { file_path, content: 'ü' }, ['bytes_written', 'success', 'file_path'])
    expect(wrote.result).toEqual([2, true, file_path])
    await one('AppendFileNode', { file_path, content: '!' }, [])
    const read = await one('ReadFileNode', { file_path, variable_name: 'text' }, ['content', 'size'])
    expect(read.result).toEqual(['ü!', 3])
  })

  test('write lists and objects as JSON', async () => {
    await one('WriteFile', { file_path: 'o.json', content: { a: [1] } }, [])
    expect(JSON.parse(await readFile(join(root, 'o.json'), 'utf8'))).toEqual({ a: [1] })
  })

  test.each(['../secret.txt', 'a/../../secret.txt', '/etc/hostname', 'link/secret.txt', 'link'])(
    'do not leave their folder: %s',
    async (file_path) => {
      await writeFile(join(outside, 'secret.txt'), 'secret')
      await symlink(outside, join(root, 'link')).catch(() => {})
      for (const type of ['ReadFile', 'WriteFile', 'ReadCSV']) {
        const { error } = await one(type, { file_path, content: 'x' }, [])
        expect(error).toMatchObject({ type: 'PathNotAllowed' })
      }
      expect(await readFile(join(outside, 'secret.txt'), 'utf8')).toBe('secret')
    },
  )

  test('do not write through a link to a file outside, whether that exists or not', async () => {
    for (const name of ['secret.txt', 'fresh.txt']) {
      await symlink(join(outside, name), join(root, `to-${name}`))
      const { error } = await one('WriteFile', { file_path: `to-${name}`, content: 'x' }, [])
      expect(error).not.toBeNull()
    }
    await expect(readFile(join(outside, 'fresh.txt'))).rejects.toThrow('ENOENT')
  })

  test('do not make folders outside', async () => {
    const { error } = await one('WriteFile', { file_path: 'link/new/x.txt', content: 'x' }, [])
    expect(error).toMatchObject({ type: 'PathNotAllowed' })
    await expect(readFile(join(outside, 'new'))).rejects.toThrow('ENOENT')
  })

  test('say what is missing and what is too large', async () => {
    expect((await one('ReadFile', { file_path: 'gone' }, [])).error).toMatchObject({ type: 'FileNotFound', node: 'x' })
    await writeFile(join(root, 'ten'), '0123456789')
    expect((await one('ReadFile', { file_path: 'ten', max_size: 9 }, [])).error).toMatchObject({ type: 'FileTooLarge' })
  })
})

describe('ReadCSV', () => {
  test('reads rows by their header, quotes and all', async () => {
    await writeFile(join(root, 'a.csv'), '\ufeffid,name\n1,"Lovelace, Ada"\n2,"say ""hi"""\n\n')
    const { result } = await one('ReadCSVNode', { file_path: 'a.csv' }, ['data', 'headers', 'row_count'])
    expect(result).toEqual([[{ id: '1', name: 'Lovelace, Ada' }, { id: '2', name: 'say "hi"' }], ['id', 'name'], 2])
  })

  test('reads other dialects, without a header, and only so many rows', async () => {
    await writeFile(join(root, 'b.csv'), "junk\na;'b;c'\nd;e\nf;g\n")
    const config = { file_path: 'b.csv', delimiter: ';', quotechar: "'", has_header: false, skip_rows: 1, max_rows: 2 }
    expect((await one('ReadCSV', config, ['data'])).result).toEqual([[['a', 'b;c'], ['d', 'e']]])
  })

  test('pads short rows, and refuses them if it is strict', async () => {
    await writeFile(join(root, 'c.csv'), 'a,b\n1\n')
    expect((await one('ReadCSV', { file_path: 'c.csv' }, ['data'])).result).toEqual([[{ a: '1', b: '' }]])
    expect((await one('ReadCSV', { file_path: 'c.csv', strict: true }, [])).error?.message).toContain('Length')
  })
})

describe('numbers beyond a double', () => {
  const id = { parameters: { id: 9007199254740993n, huge: new ExactNumber('1e400'), text: '9007199254740993' } }

  test('pass through variables, templates, files and counters with every digit', async () => {
    const spec = {
      nodes: {
        s: ['Start'],
        set: ['SetVariable', { variable_name: 'copy', value: { list: ['{{id}}', '{{huge}}'] } }],
        typed: ['SetVariable', { variable_name: 'typed', value: '{{text}}', variable_type: 'Integer' }],
        more: ['IncrementVariable', { variable_name: 'typed', increment: 2 }],
        write: ['WriteFile', { file_path: 'exact.json', content: '{{copy}}' }],
        end: ['End', { result: ['{{copy}}', '{{typed}}', 'no {{id}} of {{huge}}'] }],
      },
      options: { root },
      ...id,
    } as const
    expect((await ran(spec)).result).toEqual([
      { list: [9007199254740993n, new ExactNumber('1e400')] },
      9007199254740995n,
      'no 9007199254740993 of 1e400',
    ])
    expect(await readFile(join(root, 'exact.json'), 'utf8')).toBe(
      '{\n  "list": [\n    9007199254740993,\n    1e400\n  ]\n}',
    )
  })

  test.each(
    [
      [
        'where a node reads a number',
        { x: ['Wait', { duration: '{{id}}' }] },
        'duration: 9007199254740993 has more digits',
      ],
      ['as text too', { x: ['Wait', { duration: '{{text}}' }] }, 'duration: 9007199254740993 has more digits'],
    ] as const,
  )('are refused with the name: %s', async (_what, nodes, message) => {
    const { error } = await ran({ nodes: { s: ['Start'], ...nodes }, options: { root }, ...id })
    expect(error?.message).toContain(message)
  })

  test('in a definition are refused with their path, before anything runs', async () => {
    const spec =
      '{"nodes":{"x":{"node_id":"x","node_type":"WaitNode","config":{"duration":[0.12345678901234567890]}}},"connections":[]}'
    expect((await ran(spec)).error).toMatchObject({
      type: 'InvalidWorkflow',
      message: 'nodes.x.config.duration.0: 0.12345678901234567890 has more digits than this robot can keep',
    })
  })
})
