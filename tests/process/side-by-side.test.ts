import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CasareClient } from '../../client/client.ts'
import { Robot } from '../../robot/robot.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { Program } from './program.ts'

/** The bundled robot and a newcomer's own beside it: each gets the jobs that it runs, and no other. */

const COUNT = 50

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start({ robot: true })
})
afterAll(cleanUp)

test('each completes its own jobs, however they come', async () => {
  const client = new CasareClient({ url: server.http, key: server.admin })
  await client.workflows.create({ id: 'own', name: 'Own', json_definition: { format: 'custom' } })
  expect((await client.workflows.publish('own')).warnings).toMatchObject([{ code: 'ROBOT_CANNOT_RUN' }])
  const early = await client.jobs.submit({ workflow_id: 'own', parameters: { n: -1 } })
  const robot = new Robot({
    url: server.robots,
    key: server.admin,
    id: 'newcomer',
    maxConcurrentJobs: 3,
    handlers: { own: (job) => job.parameters['n'] },
  })
  await robot.start()
  expect((await client.workflows.publish('own')).warnings).toEqual([])
  const jobs = await Promise.all(
    Array.from({ length: 2 * COUNT }, (_, n) =>
      client.jobs.submit({
        workflow_id: n % 2 === 0 ? 'own' : 'greeting',
        parameters: n % 2 === 0 ? { n } : { name: 'Ada' },
      })),
  )
  const ended = await Promise.all([early, ...jobs].map(({ id }) => client.jobs.wait(id)))
  const seen = ended.map(({ workflow_id, status, robot_id, offer }) => [workflow_id, status, robot_id, offer].join(' '))
  const counts = new Map<string, number>()
  for (const each of seen) counts.set(each, (counts.get(each) ?? 0) + 1)
  expect(Object.fromEntries(counts)).toEqual({
    'own completed newcomer 1': COUNT + 1,
    'greeting completed reference-robot 1': COUNT,
  })
  await robot.stop()
  // Nobody is there who runs it, and the reference robot is not asked.
  const late = await client.jobs.submit({ workflow_id: 'own' })
  expect((await client.jobs.explain(late.id)).summary).toBe('newcomer can run it, and is not connected.')
})

test('the newcomer’s path in docs/ROBOTS.md works as it is pasted, and a second time', async () => {
  const docs = readFileSync(new URL('../../docs/ROBOTS.md', import.meta.url), 'utf8')
  const program = /^## A handler of your own in five minutes\n.*?^```ts\n(.*?)^```$/ms.exec(docs)?.[1]
  expect(program).toBe(readFileSync(new URL('newcomer.ts', import.meta.url), 'utf8'))
  for (const again of [false, true]) {
    const run = new Program('tests/process/newcomer.ts', [], { CASARE_URL: server.http, CASARE_KEY: server.admin })
    expect([await run.exited, again], run.err).toEqual([0, again])
    await run.closed
    expect(run.out).toBe('completed { booked: 7 }\n')
  }
})
