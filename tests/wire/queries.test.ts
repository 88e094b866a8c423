import { describe, expect, test } from 'vitest'
import type { ErrorBody } from './api.ts'
import { chapter } from './chapter.ts'

/** Unknown query parameters are refused: a misspelt filter must not return everything. */

chapter('queries', (server) => {
  const ask = async (path: string, method = 'GET'): Promise<readonly [number, string, unknown]> => {
    const { status, body } = await server.call<ErrorBody>(method, `/api/v1${path}`)
    const { error_message = '', details = {} } = body.payload ?? {}
    return [status, error_message, details['fields']]
  }

  const LISTS = [
    '/jobs',
    '/workflows',
    '/robots',
    '/triggers',
    '/schedules',
    '/schedules/upcoming',
    '/keys',
    '/pools',
    '/webhooks',
    '/fleets',
    '/jobs/none/logs',
    '/jobs/none/history',
    '/workflows/none/versions',
    '/triggers/none/events',
    '/schedules/none/runs',
    '/webhooks/none/deliveries',
  ]
  const OTHERS = [
    '/jobs/none',
    '/jobs/none/explain',
    '/workflows/none',
    '/robots/none',
    '/triggers/none',
    '/schedules/none',
    '/schedules/none/preview',
    '/webhooks/none',
    '/webhooks/none/deliveries/none',
    '/calls/none',
    '/stats/queue',
    '/stats/dispatcher',
  ]

  describe.each([...LISTS, ...OTHERS])('GET %s', (path) => {
    test('refuses what it does not know, by its name', async () => {
      expect(await ask(`${path}?colour=red`)).toEqual([
        400,
        expect.stringMatching(/^Unknown query parameter colour: (use \w|there are none here)/),
        ['colour'],
      ])
    })

    test('takes pretty', async () => {
      expect((await ask(`${path}?pretty`))[1]).not.toContain('query')
    })
  })

  test.each(LISTS)('GET %s takes limit, and refuses two of them', async (path) => {
    expect((await ask(`${path}?limit=7`))[1]).not.toContain('query')
    expect(await ask(`${path}?limit=1&limit=2`)).toEqual([400, 'limit must be given once', ['limit']])
    expect(await ask(`${path}?limmit=7`)).toEqual([
      400,
      'Unknown query parameter limmit; did you mean limit?',
      ['limmit'],
    ])
  })

  test.each([
    ['/jobs?state=failed', 'state; did you mean status?'],
    ['/jobs?Status=failed', 'Status; did you mean status?'],
    ['/jobs?statuses=failed', 'statuses; did you mean status?'],
    ['/jobs?workflow=greeting', 'workflow; did you mean workflow_id?'],
    ['/jobs?workflowId=greeting', 'workflowId; did you mean workflow_id?'],
    ['/jobs?robot=r1', 'robot; did you mean robot_id?'],
    ['/jobs?parent_job=x', 'parent_job; did you mean parent_job_id?'],
    ['/jobs?dead_letter=true', 'dead_letter; did you mean dead_lettered?'],
    ['/jobs?page=2', 'page: use status, workflow_id, '],
    ['/workflows?status=draft', 'status: use limit, cursor'],
    ['/webhooks/none/deliveries?state=failed', 'state; did you mean status?'],
    ['/schedules/none/preview?limit=3', 'limit: use count'],
    [`/jobs?${'x'.repeat(200)}=1`, `${'x'.repeat(50)}: use`],
  ])('GET %s', async (path, words) => {
    const [status, message] = await ask(path)
    expect([status, message]).toEqual([400, expect.stringContaining(`Unknown query parameter ${words}`)])
  })

  test.each([
    ['/jobs?status=', 'status must not be empty'],
    ['/jobs?status=failed&status=timeout', 'status must be given once, with commas between'],
    ['/jobs?robot_id=', 'robot_id must not be empty'],
    ['/jobs?dead_lettered=1', 'dead_lettered must be true or false'],
    ['/jobs?limit=1e1', 'limit must be a whole number'],
    ['/schedules/none/preview?count=', 'count must not be empty'],
    ['/calls/none?wait_seconds=1m', 'wait_seconds must be from 0 to 60'],
    ['/jobs/none?wait_seconds=61', 'wait_seconds must be from 0 to 60'],
  ])('GET %s has no value that can be meant', async (path, words) => {
    expect((await ask(path))[1]).toContain(words)
  })

  test('a POST takes its arguments in the body', async () => {
    expect(await ask('/jobs/none/cancel?reason=x', 'POST')).toEqual([
      400,
      'Unknown query parameter reason: there are none here',
      ['reason'],
    ])
  })

  test('all that is wrong is named at once', async () => {
    expect(await ask('/jobs?colour=red&limmit=2&status=')).toEqual([
      400,
      expect.stringMatching(
        /^Unknown query parameter colour: use .*; .* limmit; did you mean limit\?; status must not be/,
      ),
      ['colour', 'limmit', 'status'],
    ])
  })

  test('a missing key is refused first', async () => {
    expect((await server.call('GET', '/api/v1/jobs?state=failed', { key: null })).status).toBe(401)
  })
})
