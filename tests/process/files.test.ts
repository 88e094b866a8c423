import {
  appendFileSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ErrorBody, until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { newFolder } from './program.ts'

/** `file_watch` on the runtime that is tested: real folders, and the jobs that come of what happens in them. */

const root = realpathSync(newFolder())
const other = realpathSync(newFolder())
let server: Orchestrator
let names = 0

afterAll(cleanUp)
beforeAll(async () => {
  server = await Orchestrator.start({ args: ['--watch-root', root, '--watch-root', other], fixedPorts: true })
})

interface Watched {
  readonly id: string
  readonly folder: string
  /** The fired events, in the order of `type name`, once there are this many. */
  fired(count: number): Promise<readonly string[]>
  says(state: string): Promise<Record<string, unknown>>
}

async function watch(config: object = {}, parent = root): Promise<Watched> {
  const folder = join(parent, `folder-${++names}`)
  mkdirSync(folder)
  const { id } = await server.api<{ readonly id: string }>('POST', '/triggers', {
    name: 'Files',
    trigger_type: 'file_watch',
    workflow_id: 'greeting',
    config: { watch_path: folder, debounce_ms: 50, settle_ms: 150, ...config },
  })
  const watched: Watched = {
    id,
    folder,
    async fired(count) {
      const items = await until(`${count} jobs`, async () => {
        const page = await server.api<
          { readonly items: readonly { readonly id: string; readonly trigger_id: string }[] }
        >(
          'GET',
          '/jobs?limit=200',
        )
        const own = page.items.filter(({ trigger_id }) => trigger_id === id)
        return own.length >= count ? own : undefined
      })
      const jobs = await Promise.all(items.map(({ id: job }) => server.job(job)))
      return jobs.map(({ parameters }) => `${parameters['event_type']} ${parameters['file_name']}`).toSorted()
    },
    says: (state) =>
      until(`the trigger says ${state}`, async () => {
        const view = await server.api<{ readonly source: Record<string, unknown> | null }>('GET', `/triggers/${id}`)
        return view.source?.['state'] === state ? view.source : undefined
      }),
  }
  await watched.says('active')
  return watched
}

describe('a folder that is watched', () => {
  test('makes one job for each thing that happens, with the payload of the reference', async () => {
    const { folder, fired } = await watch({ events: ['created', 'modified', 'deleted', 'moved'] })
    writeFileSync(join(folder, 'a.txt'), 'one')
    expect(await fired(1)).toEqual(['created a.txt'])
    appendFileSync(join(folder, 'a.txt'), ' two')
    expect(await fired(2)).toEqual(['created a.txt', 'modified a.txt'])
    renameSync(join(folder, 'a.txt'), join(folder, 'b.txt'))
    await fired(3)
    rmSync(join(folder, 'b.txt'))
    expect(await fired(4)).toEqual(['created a.txt', 'deleted b.txt', 'modified a.txt', 'moved b.txt'])
  })

  test('tells of a file that takes the place of another of the same size and time', async () => {
    const { folder, fired } = await watch({ patterns: ['*.txt'] })
    const [file, part] = [join(folder, 'a.txt'), join(folder, 'a.part')]
    writeFileSync(file, 'one')
    utimesSync(file, 1_000_000, 1_000_000)
    await fired(1)
    writeFileSync(part, 'two')
    utimesSync(part, 1_000_000, 1_000_000)
    renameSync(part, file)
    expect(await fired(2)).toEqual(['created a.txt', 'modified a.txt'])
  })

  test('by patterns, below it, once each, when they have been written', async () => {
    const { folder, fired } = await watch({ recursive: true, patterns: ['*.csv'], settle_ms: 4_000 })
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    for (let n = 0; n < 20; n++) writeFileSync(join(folder, 'a/b', `${n}.csv`), String(n))
    writeFileSync(join(folder, 'a/b/note.txt'), 'no')
    const slow = join(folder, 'slow.csv')
    for (let part = 0; part < 10; part++) {
      appendFileSync(slow, 'x'.repeat(100))
      await pause(50)
    }
    const all = await fired(21)
    expect(all).toHaveLength(21)
    expect(new Set(all).size).toBe(21)
    await pause(1_500)
    expect(await fired(21)).toHaveLength(21)
  })

  test('loses nothing of a burst that is larger than what the system keeps for us', async () => {
    const { id, folder } = await watch()
    for (let n = 0; n < 1_200; n++) writeFileSync(join(folder, `${n}.txt`), String(n))
    const count = async (): Promise<unknown> => (await server.api('GET', `/triggers/${id}`))['trigger_count']
    await until('a job for each', async () => await count() === 1_200 || undefined)
    await pause(500)
    expect(await count()).toBe(1_200)
  })

  test('that vanishes is an error, and is watched again when it is back', async () => {
    const { folder, fired, says } = await watch()
    renameSync(folder, `${folder}-away`)
    expect(await says('error')).toMatchObject({ detail: expect.stringContaining('there is no folder') })
    renameSync(`${folder}-away`, folder)
    await says('active')
    writeFileSync(join(folder, 'back.txt'), 'back')
    expect(await fired(1)).toEqual(['created back.txt'])
  })

  test('a link in it that leads outside is neither followed nor told of', async () => {
    const outside = realpathSync(newFolder())
    const { folder, fired } = await watch({ recursive: true })
    symlinkSync(outside, join(folder, 'link'))
    writeFileSync(join(outside, 'secret.txt'), 'secret')
    symlinkSync(join(outside, 'secret.txt'), join(folder, 'secret.txt'))
    await pause(500)
    writeFileSync(join(folder, 'own.txt'), 'own')
    await fired(1)
    await pause(500)
    expect(await fired(1)).toEqual(['created own.txt'])
  })

  test('is not while the trigger is disabled', async () => {
    const { id, folder, fired, says } = await watch({}, other)
    await server.api('POST', `/triggers/${id}/disable`)
    writeFileSync(join(folder, 'meanwhile.txt'), 'x')
    await pause(500)
    await server.api('POST', `/triggers/${id}/enable`)
    await says('active')
    writeFileSync(join(folder, 'after.txt'), 'x')
    expect(await fired(1)).toEqual(['created after.txt'])
  })

  test('is watched again after a restart; what happened meanwhile is not seen', async () => {
    const { folder, fired, says } = await watch()
    writeFileSync(join(folder, 'before.txt'), 'x')
    await fired(1)
    await server.kill()
    writeFileSync(join(folder, 'meanwhile.txt'), 'x')
    await server.restart()
    await says('active')
    writeFileSync(join(folder, 'after.txt'), 'x')
    expect(await fired(2)).toEqual(['created after.txt', 'created before.txt'])
  })
})

test('other fleets may watch in the folder of their name, and nowhere else', async () => {
  const { admin_key: key } = await server.api<{ readonly admin_key: string }>('POST', '/fleets', { name: 'acme' })
  mkdirSync(join(root, 'acme'))
  const body = (watch_path: string): object => ({
    name: 'F',
    trigger_type: 'file_watch',
    workflow_id: 'w',
    config: { watch_path, debounce_ms: 50, settle_ms: 50 },
  })
  const call = (path: string, given: object) => server.call('POST', `/fleets/acme/api/v1${path}`, { key, body: given })
  await call('/workflows', { id: 'w', name: 'W', json_definition: { nodes: {} } })
  expect((await call('/triggers', body(root))).status).toBe(400)
  expect((await call('/triggers', body(join(root, 'acme')))).status).toBe(201)
})

test('what cannot be taken just now fires when it can be', async () => {
  const folder = newFolder()
  const settings = join(newFolder(), 'settings.json')
  writeFileSync(settings, JSON.stringify({ live_jobs_max: 2 }))
  const small = await Orchestrator.start({ args: ['--watch-root', folder, '--settings', settings] })
  const { id } = await small.api<{ readonly id: string }>('POST', '/triggers', {
    name: 'Files',
    trigger_type: 'file_watch',
    workflow_id: 'greeting',
    config: { watch_path: folder, debounce_ms: 50, settle_ms: 50 },
  })
  const counters = (): Promise<Record<string, unknown>> => small.api('GET', `/triggers/${id}`)
  await until('it watches', async () => JSON.stringify((await counters())['source']).includes('active') || undefined)
  for (let n = 0; n < 4; n++) writeFileSync(join(folder, `${n}.txt`), String(n))
  const fired = (count: number): Promise<unknown> =>
    until(`${count} jobs`, async () => (await counters())['trigger_count'] === count || undefined)
  await fired(2)
  await pause(1_500)
  expect(await counters()).toMatchObject({ trigger_count: 2, skipped_count: 0 })
  const { items } = await small.api<{ readonly items: readonly { readonly id: string }[] }>('GET', '/jobs')
  for (const job of items) await small.api('POST', `/jobs/${job.id}/cancel`)
  await fired(4)
  expect(await counters()).toMatchObject({ trigger_count: 4, skipped_count: 0 })
})

test('what may not be watched is refused, with the field and the option', async () => {
  const refusal = async (watch_path: string): Promise<ErrorBody['payload']> => {
    const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/triggers', {
      body: { name: 'F', trigger_type: 'file_watch', workflow_id: 'greeting', config: { watch_path } },
    })
    expect(status).toBe(400)
    return body.payload
  }
  symlinkSync('/etc', join(root, 'way-out'))
  for (const path of ['/etc', `${root}-not`, join(root, '..'), join(root, 'way-out')]) {
    const { error_code, error_message, details } = await refusal(path)
    expect(error_code).toBe('INVALID_PAYLOAD')
    expect(error_message).toContain('is not inside a folder that may be watched: see --watch-root')
    expect(details).toMatchObject({ fields: ['config.watch_path'], option: '--watch-root' })
  }
  expect((await refusal('in')).error_message).toContain('must be an absolute path')
  expect((await refusal(join(root, 'nothing'))).error_message).toContain('there is no folder')
})

test('a root that is not there is said at the start, and when a trigger below it is saved', async () => {
  const gone = join(root, 'gone')
  const lost = await Orchestrator.start({ args: ['--watch-root', root, '--watch-root', gone] })
  const lines = lost.program.err.split('\n').filter((line) => line.includes('--watch-root'))
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({
      level: 'warn',
      msg: `--watch-root: there is no folder ${gone}; until there is one, nothing is watched below it`,
    }),
  ])
  const elsewhere = await Orchestrator.start({ args: ['--watch-root', gone] })
  const { status, body } = await elsewhere.call<ErrorBody>('POST', '/api/v1/triggers', {
    body: { name: 'F', trigger_type: 'file_watch', workflow_id: 'greeting', config: { watch_path: join(gone, 'in') } },
  })
  expect(status).toBe(400)
  expect(body.payload.error_message).toContain(`--watch-root: there is no folder ${gone}`)
})

test('without a root nothing may be watched', async () => {
  const wanted = { name: 'F', trigger_type: 'file_watch', workflow_id: 'greeting', config: { watch_path: root } }
  const none = await Orchestrator.start()
  const { status, body } = await none.call<ErrorBody>('POST', '/api/v1/triggers', {
    body: wanted,
  })
  expect(status).toBe(400)
  expect(body.payload.error_message).toContain('start the orchestrator with --watch-root FOLDER')
})
