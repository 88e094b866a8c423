import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { folderIn } from '../../../adapters/sources/folder.ts'
import { newFolder, QUICK, until, useFolders, Watching } from './folder-lab.ts'

const ALL = ['created', 'modified', 'deleted', 'moved']

const { running, watching } = useFolders()

describe('what happens to files', () => {
  test('created, modified, moved and deleted, each once, and nothing of what was there', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'old.txt'), 'old')
    const one = await watching(folder, { events: ALL })
    writeFileSync(join(folder, 'a.txt'), 'one')
    await one.events(1)
    expect(one.fired[0]).toEqual({
      file_path: join(folder, 'a.txt'),
      file_name: 'a.txt',
      file_dir: folder,
      event_type: 'created',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      size: 3,
    })
    appendFileSync(join(folder, 'a.txt'), ' two')
    appendFileSync(join(folder, 'a.txt'), ' three')
    await one.events(2)
    renameSync(join(folder, 'a.txt'), join(folder, 'b.txt'))
    await one.events(3)
    rmSync(join(folder, 'b.txt'))
    const [a, b] = [join(folder, 'a.txt'), join(folder, 'b.txt')]
    expect(await one.events(4)).toEqual([`created ${a}`, `deleted ${b}`, `modified ${a}`, `moved ${a} > ${b}`])
    expect(new Set(one.once).size).toBe(4)
  })

  test('by default those that are created and modified; a name that is changed when all is written is new', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'report.pdf.part'), 'whole')
    const one = await watching(folder, { patterns: ['*.pdf'] })
    renameSync(join(folder, 'report.pdf.part'), join(folder, 'report.pdf'))
    expect(await one.events(1)).toEqual([`created ${join(folder, 'report.pdf')}`])
    renameSync(join(folder, 'report.pdf'), join(folder, 'final.pdf'))
    expect(await one.events(2)).toContain(`created ${join(folder, 'final.pdf')}`)
    rmSync(join(folder, 'final.pdf'))
    expect(await one.events(2)).toHaveLength(2)
  })

  test('a file is told of when it has been written, however long that takes', async () => {
    const folder = newFolder()
    const one = await watching(folder, { settle_ms: 1_500 })
    const file = join(folder, 'big.bin')
    // On a machine that stands still for longer the file has been written, by the rule.
    let [longest, last] = [0, Infinity]
    for (let part = 0; part < 12; part++) {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      appendFileSync(file, 'x'.repeat(1_000))
      await pause(100)
      longest = Math.max(longest, performance.now() - last)
      if (longest < 1_500) expect(one.fired).toEqual([])
    }
    const events = await one.events(1)
    if (longest < 1_500) expect(events).toEqual([`created ${file}`])
    await until(() => one.fired.at(-1)?.['size'] === 12_000, () => 'all of it')
  })

  test('patterns: by name, by path, and left out', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'in/deep'), { recursive: true })
    const one = await watching(folder, { recursive: true, patterns: ['*.csv', 'in/**/*.txt', '!~*'] })
    for (
      const name of ['a.csv', '~a.csv', '.hidden.csv', 'b.txt', 'in/c.txt', 'in/deep/d.txt', 'in/deep/e.csv', 'A.CSV']
    ) {
      writeFileSync(join(folder, name), name)
    }
    expect(await one.events(4)).toEqual(
      ['a.csv', 'in/c.txt', 'in/deep/d.txt', 'in/deep/e.csv'].map((name) => `created ${join(folder, name)}`),
    )
  })

  test('one that takes the place of another is modified, though size and time are the same', async () => {
    const folder = newFolder()
    const file = join(folder, 'a.txt')
    for (const [path, text] of [[file, 'one'], [`${folder}/new.part`, 'two']] as const) {
      writeFileSync(path, text)
      utimesSync(path, 1_000_000, 1_000_000)
    }
    const one = await watching(folder, { patterns: ['*.txt'] })
    renameSync(`${folder}/new.part`, file)
    expect(await one.events(1)).toEqual([`modified ${file}`])
  })

  test('not below it, unless recursive', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'sub'))
    const one = await watching(folder)
    writeFileSync(join(folder, 'sub/a'), 'a')
    mkdirSync(join(folder, 'later'))
    writeFileSync(join(folder, 'later/b'), 'b')
    await pause(400)
    writeFileSync(join(folder, 'later/c'), 'c')
    writeFileSync(join(folder, 'd'), 'd')
    expect(await one.events(1)).toEqual([`created ${join(folder, 'd')}`])
  })

  test('recursive: folders that are made, copied, moved in with old files, and removed', async () => {
    const folder = newFolder()
    const other = newFolder()
    mkdirSync(join(other, 'x/y'), { recursive: true })
    for (const name of ['x/1', 'x/y/2']) {
      writeFileSync(join(other, name), name)
      utimesSync(join(other, name), 1_000_000, 1_000_000)
    }
    const one = await watching(folder, { recursive: true, events: ALL })
    mkdirSync(join(folder, 'a/b/c'), { recursive: true })
    writeFileSync(join(folder, 'a/b/c/3'), '3')
    cpSync(join(other, 'x'), join(folder, 'copy'), { recursive: true })
    renameSync(join(other, 'x'), join(folder, 'moved'))
    const paths = ['a/b/c/3', 'copy/1', 'copy/y/2', 'moved/1', 'moved/y/2']
    expect(await one.events(5)).toEqual(paths.map((path) => `created ${join(folder, path)}`))
    writeFileSync(join(folder, 'moved/y/4'), '4')
    await one.events(6)
    renameSync(join(folder, 'moved'), join(other, 'x'))
    await one.events(9)
    expect(one.fired.slice(6).map(({ event_type, file_name }) => `${event_type} ${file_name}`).toSorted()).toEqual([
      'deleted 1',
      'deleted 2',
      'deleted 4',
    ])
  })

  test('a thousand at once, each once', async () => {
    const folder = newFolder()
    const one = await watching(folder)
    for (let n = 0; n < 1_000; n++) writeFileSync(join(folder, `${n}.txt`), String(n))
    expect(new Set(await one.events(1_000)).size).toBe(1_000)
    expect(one.fired).toHaveLength(1_000)
  })
})

describe('roots', () => {
  const refused = async (roots: readonly string[], path: string): Promise<string> => {
    const one = new Watching(roots, { watch_path: path, ...QUICK })
    running.push(one)
    await until(() => one.states.length > 0, () => 'a word')
    return one.states[0] ?? ''
  }

  test('a folder is watched only inside one, with every link resolved', async () => {
    const [root, outside] = [newFolder(), newFolder()]
    symlinkSync(outside, join(root, 'link'))
    mkdirSync(join(root, 'real'))
    symlinkSync(join(root, 'real'), join(outside, 'way-in'))
    const not = /^error: Field config.watch_path: .* is not inside a folder that may be watched: see --watch-root$/
    expect(await refused([], root)).toMatch(/^error: .*no folder may be watched: start .* --watch-root FOLDER$/)
    expect(await refused([root], outside)).toMatch(not)
    expect(await refused([root], join(outside, 'nothing'))).toMatch(not)
    expect(await refused([root], `${root}x`)).toMatch(not)
    expect(await refused([root], join(root, '..'))).toMatch(not)
    expect(await refused([root], join(root, 'link'))).toMatch(not)
    expect(await refused([root], 'real')).toMatch(/must be an absolute path/)
    expect(await refused([root], join(root, 'nothing'))).toMatch(/watch_path: there is no folder /)
    const gone = join(root, 'gone')
    expect(await refused([gone], join(gone, 'in'))).toBe(
      `error: Field config.watch_path: --watch-root: there is no folder ${gone}`,
    )
    expect(await refused([gone, root], join(gone, 'in'))).toBe(
      `error: Field config.watch_path: there is no folder ${join(gone, 'in')}`,
    )
    expect(await refused([root], join(root, 'real'))).toMatch(/^active/)
    expect(await refused([root], join(outside, 'way-in'))).toMatch(/^active/)
  })

  test('links in it are not followed and not told of, wherever they lead', async () => {
    const [root, outside] = [newFolder(), newFolder()]
    writeFileSync(join(outside, 'secret.txt'), 'secret')
    mkdirSync(join(root, 'sub'))
    symlinkSync(outside, join(root, 'before'))
    const one = await watching(root, { recursive: true, events: ALL })
    symlinkSync(outside, join(root, 'after'))
    symlinkSync(join(outside, 'secret.txt'), join(root, 'sub/secret.txt'))
    writeFileSync(join(outside, 'new.txt'), 'new')
    appendFileSync(join(outside, 'secret.txt'), 'more')
    await pause(500)
    // A folder that is exchanged for a link: what was in it is gone.
    writeFileSync(join(root, 'sub/own.txt'), 'own')
    expect(await one.events(1)).toEqual([`created ${join(root, 'sub/own.txt')}`])
    renameSync(join(root, 'sub'), join(outside, 'sub'))
    symlinkSync(join(outside, 'sub'), join(root, 'sub'))
    appendFileSync(join(outside, 'sub/own.txt'), 'more')
    writeFileSync(join(root, 'end.txt'), 'end')
    expect(await one.events(3)).toEqual([
      `created ${join(root, 'end.txt')}`,
      `created ${join(root, 'sub/own.txt')}`,
      `deleted ${join(root, 'sub/own.txt')}`,
    ])
  })

  test('what has left the root while it waited is not told of', async () => {
    const [root, outside] = [newFolder(), newFolder()]
    mkdirSync(join(root, 'sub'))
    const one = await watching(root, { recursive: true })
    one.answer = 'later'
    writeFileSync(join(root, 'sub/a.txt'), 'a')
    await until(() => one.asked > 0, () => 'a try')
    renameSync(join(root, 'sub'), join(outside, 'sub'))
    symlinkSync(join(outside, 'sub'), join(root, 'sub'))
    one.answer = 'done'
    writeFileSync(join(root, 'b.txt'), 'b')
    expect(await one.events(1)).toEqual([`created ${join(root, 'b.txt')}`])
  })
})

describe('when things are not as they should be', () => {
  test('a folder that vanishes is an error until it is back; its files are neither deleted nor new', async () => {
    const root = newFolder()
    const folder = join(root, 'in')
    mkdirSync(folder)
    writeFileSync(join(folder, 'old.txt'), 'old')
    const one = await watching(root, { watch_path: folder, events: ALL })
    renameSync(folder, join(root, 'away'))
    await one.reported(/^error: .*there is no folder /)
    writeFileSync(join(root, 'away/new.txt'), 'new')
    renameSync(join(root, 'away'), folder)
    await one.reported(/^active/)
    expect(await one.events(1)).toEqual([`created ${join(folder, 'new.txt')}`])
    rmSync(folder, { recursive: true })
    await one.reported(/^error: /)
    mkdirSync(folder)
    await one.reported(/^active/)
    // Longer than a file that is gone may be on its way to another name.
    await pause(700)
    writeFileSync(join(folder, 'old.txt'), 'another')
    expect(await one.events(2)).toEqual([`created ${join(folder, 'new.txt')}`, `created ${join(folder, 'old.txt')}`])
  })

  test('a folder that is made anew is another one, though it gets the inode of the former', async () => {
    const root = newFolder()
    const folder = join(root, 'in')
    mkdirSync(folder)
    const former = await folderIn([root], folder)
    rmSync(folder, { recursive: true })
    await pause(20)
    mkdirSync(folder)
    expect(await folderIn([root], folder)).not.toEqual(former)
  })

  test('an orchestrator that takes nothing is asked again, with the newest of each file', async () => {
    const folder = newFolder()
    const one = await watching(folder)
    one.answer = 'later'
    writeFileSync(join(folder, 'a'), 'a')
    writeFileSync(join(folder, 'b'), 'b')
    await until(() => one.asked > 1, () => 'tries')
    appendFileSync(join(folder, 'b'), 'bb')
    await pause(500)
    one.answer = 'done'
    expect(await one.events(2)).toEqual([`created ${join(folder, 'a')}`, `created ${join(folder, 'b')}`])
    expect(one.fired.map(({ file_name, size }) => `${file_name} ${size}`).toSorted()).toEqual(['a 1', 'b 3'])
  })

  // The limit is one of a namespace of users, which not every machine lets us make.
  const limited = (count: number, command: string): string[] => [
    '-Ur',
    'sh',
    '-c',
    `echo ${count} > /proc/sys/user/max_inotify_watches && ${command}`,
  ]

  test.skipIf(spawnSync('unshare', limited(0, 'true')).status !== 0)(
    'where the system watches no more folders the trigger says so, and they are read',
    () => {
      const command = `exec ${process.execPath} --import tsx tests/unit/sources/unwatched.ts`
      const out = execFileSync('unshare', limited(0, command), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      expect(out.split('\n')).toEqual([
        'error: the system watches no more folders: raise fs.inotify.max_user_watches; ' +
        'meanwhile the folder is read every 5 seconds',
        'created a',
        '',
      ])
    },
  )
})
