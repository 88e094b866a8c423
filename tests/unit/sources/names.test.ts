import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { platform } from 'node:os'
import { join, sep } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newFolder, useFolders } from './folder-lab.ts'

const { watching } = useFolders()

describe('names of files', () => {
  test('are told of as they are on disk, however Unicode writes their letters, and with their backslashes', async () => {
    const folder = newFolder()
    const one = await watching(folder, { patterns: ['\u00fcber*.txt', 'a*.txt'] })
    writeFileSync(join(folder, 'u\u0308ber.txt'), 'decomposed')
    writeFileSync(join(folder, '\u00fcber 2.txt'), 'composed')
    if (sep === '/') writeFileSync(join(folder, 'a\\b.txt'), 'backslash')
    await one.events(sep === '/' ? 3 : 2)
    const names = ['u\u0308ber.txt', '\u00fcber 2.txt', ...(sep === '/' ? ['a\\b.txt'] : [])]
    expect(one.fired.map(({ file_name }) => file_name).toSorted()).toEqual(names.toSorted())
  })

  // A system that does not permit such a name has nothing to report.
  test.skipIf(platform() !== 'linux')('that are not UTF-8 are said, once, and others are told of', async () => {
    const folder = newFolder()
    const named = (name: string, byte: number): Buffer => Buffer.concat([Buffer.from(name), Buffer.from([byte])])
    writeFileSync(named(`${folder}/caf`, 0xe9), 'latin1')
    writeFileSync(named(`${folder}/th`, 0xe9), 'latin1')
    mkdirSync(named(`${folder}/dir`, 0xff))
    writeFileSync(join(folder, 'caf\ufffd.csv'), 'a name with U+FFFD')
    const one = await watching(folder, { recursive: true })
    await one.reported(/^active: watching .*; a name is not UTF-8, and what has such a name is not watched: .+\ufffd$/)
    expect(one.states.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringMatching(/^warn: a name is not UTF-8, .*"name":"(caf|th|dir)\ufffd"/),
    ])
    appendFileSync(join(folder, 'caf\ufffd.csv'), ' more')
    writeFileSync(join(folder, 'other.txt'), 'other')
    expect(await one.events(2)).toEqual([
      `modified ${join(folder, 'caf\ufffd.csv')}`,
      `created ${join(folder, 'other.txt')}`,
    ].toSorted())
    expect(one.states.filter((line) => line.startsWith('warn'))).toHaveLength(1)
  })

  test.skipIf(platform() !== 'linux')(
    'that are not UTF-8 are not said where the patterns do not choose them',
    async () => {
      const folder = newFolder()
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]), 'latin1')
      const one = await watching(folder, { patterns: ['*.pdf'] })
      expect(one.states).toEqual([`active: watching ${folder}`])
    },
  )
})
