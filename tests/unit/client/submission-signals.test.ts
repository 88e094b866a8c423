import { expect, test } from 'vitest'
import { job, made, outcomes, reached, watched } from './watched.ts'

/** Signals of submissions that share a request. */

test('a signal aborts its call and no other, and the request ends once all calls are aborted', async () => {
  const { client, asked } = watched()
  const [one, two] = [new AbortController(), new AbortController()]
  const calls = [client.jobs.submit(job(0), one), client.jobs.submit(job(1), two)]
  const all = outcomes(calls)
  await reached(1, asked)
  one.abort(new Error('gone'))
  expect(await calls[0]?.catch((cause: Error) => cause.message)).toBe('gone')
  expect(asked[0]?.signal.aborted).toBe(false)
  two.abort(new Error('gone, too'))
  expect([await all, asked[0]?.signal.aborted]).toEqual([['gone', 'gone, too'], true])
  const next = client.jobs.submit(job(2))
  await reached(2, asked)
  asked[1]?.answer(made(asked[1]))
  expect(await next).toEqual({ id: 'w2' })
})

test('a signal does not end a request with a call that has none', async () => {
  const { client, asked } = watched()
  const one = new AbortController()
  const calls = [client.jobs.submit(job(0), one), client.jobs.submit(job(1))]
  const all = outcomes(calls)
  await reached(1, asked)
  one.abort(new Error('gone'))
  asked[0]?.answer(made(asked[0]))
  expect(await all).toEqual(['gone', 'w1'])
})

test('a call that is aborted while it waits is not sent', async () => {
  const { client, asked } = watched()
  const first: Promise<{ id: string }>[] = []
  for (let n = 0; n < 4; n++) {
    first.push(client.jobs.submit(job(n)))
    await reached(n + 1, asked)
  }
  const one = new AbortController()
  const rest = [client.jobs.submit(job(4), one), client.jobs.submit(job(5))]
  const all = outcomes([...first, ...rest])
  one.abort(new Error('gone'))
  asked[0]?.answer(made(asked[0]))
  await reached(5, asked)
  expect(asked[4]?.jobs.map((each) => each.workflow_id)).toEqual(['w5'])
  for (const each of asked) each.answer(made(each))
  expect(await all).toEqual(['w0', 'w1', 'w2', 'w3', 'gone', 'w5'])
})

test('a call with an aborted signal sends nothing', async () => {
  const { client, asked } = watched()
  await expect(client.jobs.submit(job(0), { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
  expect(asked).toEqual([])
})

test('a signal may be that of many calls', async () => {
  const warned: string[] = []
  const listen = (warning: Error): void => void warned.push(warning.name)
  process.on('warning', listen)
  const { client, asked } = watched()
  const { signal } = new AbortController()
  const calls = Array.from({ length: 30 }, (_, n) => client.jobs.submit(job(n), { signal }))
  await reached(1, asked)
  asked[0]?.answer(made(asked[0]))
  await outcomes(calls)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  expect(warned).toEqual([])
})
