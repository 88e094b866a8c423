import { expect, test } from 'vitest'
import { CasareClient } from '../../../client/client.ts'

/** The time that a client continues to try, by what it knows of the orchestrator. */

const LATE = {
  type: 'error',
  payload: { error_code: 'UNAVAILABLE', error_message: 'No', details: {} },
  correlation_id: '',
}
const late = (): Response => new Response(JSON.stringify(LATE), { status: 503, headers: { 'Retry-After': '0' } })

test('a wait that begins after an answer to anything, as to its submission, goes through a restart', async () => {
  const ended = (): Response => new Response('{"completed_at":"2026-01-01T00:00:00.000Z"}')
  const answers = [() => new Response('{"id":"a"}'), ...Array.from({ length: 12 }, () => late), ended]
  let asked = 0
  const fetch = (): Promise<Response> => Promise.resolve((answers[asked++] ?? late)())
  const client = new CasareClient({ url: 'http://casare.test', fetch })
  await client.jobs.submit({ workflow_id: 'w' })
  expect(await client.jobs.wait('a')).toMatchObject({ completed_at: '2026-01-01T00:00:00.000Z' })
  expect(asked).toBe(14)
})

test('the health of a process that takes no jobs is an answer, and asked for once', async () => {
  let asked = 0
  const answer = (): Response => new Response('{"status":"draining"}', { status: 503, headers: { 'Retry-After': '5' } })
  const client = new CasareClient({ url: 'http://casare.test', fetch: () => Promise.resolve((asked++, answer())) })
  expect([await client.health(), asked]).toEqual([{ status: 'draining' }, 1])
})
