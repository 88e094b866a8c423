import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCOPES } from '../../core/records/key.ts'
import type { ErrorBody } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** The scopes of the HTTP API. */

let server: Orchestrator
const keys = new Map<string, string | null>([['no key', null], ['a wrong key', 'crpa_nobody']])

const KEYS = ['no key', 'a wrong key', 'a revoked key', ...SCOPES] as const
beforeAll(async () => {
  server = await Orchestrator.start()
  for (const scope of SCOPES) {
    const made = await server.api<{ readonly key: string }>('POST', '/keys', { name: scope, scopes: [scope] })
    keys.set(scope, made.key)
  }
  const revoked = await server.api('POST', '/keys', { name: 'revoked', scopes: ['admin'] })
  await server.api('DELETE', `/keys/${String(revoked['id'])}`)
  keys.set('a revoked key', String(revoked['key']))
})

afterAll(cleanUp)

/** Every route that asks for a key, and the scope that it asks for, or those of which one will do. */
const routes: readonly [string, string, ...(typeof SCOPES)[number][]][] = [
  ['POST', '/jobs', 'jobs:submit'],
  ['GET', '/jobs', 'jobs:read'],
  ['GET', '/jobs/none', 'jobs:read'],
  ['GET', '/jobs/none/logs', 'jobs:read'],
  ['GET', '/jobs/none/history', 'jobs:read'],
  ['GET', '/jobs/none/explain', 'jobs:read'],
  ['POST', '/jobs/none/cancel', 'jobs:cancel'],
  ['POST', '/jobs/none/release', 'jobs:cancel'],
  ['POST', '/jobs/none/retry', 'jobs:submit'],
  ['POST', '/jobs/none/requeue', 'jobs:submit'],
  ['GET', '/stats/queue', 'jobs:read'],
  ['GET', '/stats/dispatcher', 'jobs:read'],
  ['POST', '/schedules', 'admin'],
  ['GET', '/schedules', 'jobs:read'],
  ['GET', '/schedules/upcoming', 'jobs:read'],
  ['GET', '/schedules/none', 'jobs:read'],
  ['PUT', '/schedules/none', 'admin'],
  ['DELETE', '/schedules/none', 'admin'],
  ['GET', '/schedules/none/preview', 'jobs:read'],
  ['GET', '/schedules/none/runs', 'jobs:read'],
  ['POST', '/schedules/none/enable', 'admin'],
  ['POST', '/schedules/none/disable', 'admin'],
  ['POST', '/schedules/none/trigger', 'jobs:submit'],
  ['POST', '/pools', 'admin'],
  ['GET', '/pools', 'jobs:read'],
  ['POST', '/workflows', 'admin'],
  ['GET', '/workflows', 'jobs:read'],
  ['GET', '/workflows/greeting', 'jobs:read'],
  ['PUT', '/workflows/none', 'admin'],
  ['GET', '/workflows/greeting/versions', 'jobs:read'],
  ['POST', '/workflows/greeting/publish', 'admin'],
  ['GET', '/robots', 'jobs:read'],
  ['GET', '/robots/none', 'jobs:read'],
  ['POST', '/robots', 'admin'],
  ['PUT', '/robots/none', 'admin'],
  ['POST', '/robots/none/pause', 'robots:control'],
  ['POST', '/robots/none/resume', 'robots:control'],
  ['POST', '/robots/none/shutdown', 'robots:control'],
  ['POST', '/robots/none/status', 'jobs:read'],
  ['POST', '/triggers', 'admin'],
  ['GET', '/triggers', 'jobs:read'],
  ['GET', '/triggers/orders-total', 'jobs:read'],
  ['PUT', '/triggers/orders-total', 'admin'],
  ['GET', '/triggers/orders-total/events', 'jobs:read'],
  ['POST', '/triggers/none/fire', 'jobs:submit'],
  ['POST', '/triggers/none/file-events', 'robots:connect', 'jobs:submit'],
  ['POST', '/triggers/none/enable', 'admin'],
  ['POST', '/triggers/none/disable', 'admin'],
  ['DELETE', '/triggers/none', 'admin'],
  ['POST', '/keys', 'admin'],
  ['GET', '/keys', 'admin'],
  ['DELETE', '/keys/none', 'admin'],
]

describe('who may do what', () => {
  const matrix = routes.flatMap(([method, path, ...scopes]) => KEYS.map((key) => [key, method, path, scopes] as const))

  test.each(matrix)('%s: %s %s', async (key, method, path, scopes) => {
    const body = method === 'GET' ? undefined : '{}'
    const reply = await server.call<ErrorBody>(method, `/api/v1${path}`, { key: keys.get(key) ?? null, body })
    if (key.startsWith('no ') || key.startsWith('a ')) {
      expect(reply.status).toBe(401)
      expect(reply.headers.get('www-authenticate')).toBe('Bearer')
      expect(reply.body.payload.error_code).toBe('AUTHENTICATION_FAILED')
    } else if (key === 'admin' || scopes.some((scope) => scope === key)) {
      // The body is empty and most ids do not exist: the request is authorised, and then refused.
      expect([200, 400, 404]).toContain(reply.status)
    } else {
      expect(reply.status).toBe(403)
      expect(reply.body.payload).toMatchObject({ error_code: 'FORBIDDEN', details: { required_scope: scopes[0] } })
    }
  })

  const forms: readonly [string, Readonly<Record<string, string>>, string, number][] = [
    ['the scheme in other letters', { Authorization: 'bearer KEY' }, '', 200],
    ['another scheme', { Authorization: 'Basic KEY' }, '', 401],
    ['no scheme', { Authorization: 'KEY' }, '', 401],
    ['the key in a header of its own', { 'X-Api-Key': 'KEY' }, '', 401],
    ['the key in the address, where logs would keep it', {}, '?api_key=KEY', 401],
  ]
  test.each(forms)('%s', async (_name, headers, query, status) => {
    const filled = Object.entries(headers).map(([name, value]) => [name, value.replace('KEY', server.admin)])
    const path = `/api/v1/jobs${query.replace('KEY', server.admin)}`
    const reply = await server.call('GET', path, { key: null, headers: Object.fromEntries(filled) })
    expect(reply.status).toBe(status)
  })

  test('the health check, the front page and the webhook ask for no key', async () => {
    expect((await server.call('GET', '/healthz', { key: null })).body).toEqual({
      status: 'ok',
      version: expect.any(String),
      durability: 'full',
      live_jobs: 0,
      robots_connected: 0,
      loads: 1,
      clock_set: null,
    })
    expect((await server.call('GET', '/', { key: null })).body).toMatchObject({ api: '/api/v1' })
    expect((await server.call('POST', '/webhook/none', { key: null, body: {} })).status).toBe(404)
  })
})
