import { expect, test } from 'vitest'
import pkg from '../../package.json' with { type: 'json' }
import openapi from '../../schemas/openapi.json' with { type: 'json' }
import type { ErrorBody } from './api.ts'
import { chapter } from './chapter.ts'

/** Every fleet serves the OpenAPI document of its API, with the address at which it was asked. */

type Document = Pick<typeof openapi, 'openapi' | 'info' | 'paths'> & {
  readonly servers: readonly { readonly url: string }[]
}

const FLEETS = '/api/v1/fleets'

chapter('OpenAPI', (server) => {
  test('the default fleet shows the whole document to everybody', async () => {
    const { body: start } = await server.call('GET', '/', { key: null })
    expect(start).toMatchObject({ openapi: '/openapi.json' })
    for (const query of ['', '?pretty', '']) {
      const { status, headers, body } = await server.call('GET', `/openapi.json${query}`, { key: null })
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
      const info = { ...openapi.info, version: pkg.version }
      expect(body).toEqual({ ...openapi, info, servers: [{ url: '/' }] })
    }
    expect(Object.keys(openapi.paths)).toContain(FLEETS)
  })

  test('another fleet shows it to its own keys, with its own address and without the routes for fleets', async () => {
    const { admin_key: key, path } = await server.api<{ admin_key: string; path: string }>('POST', '/fleets', {
      name: 'documented',
    })
    const unknown = await server.call<ErrorBody>('GET', `${path}/openapi.json`, { key: null })
    expect([unknown.status, unknown.body.payload.error_code]).toEqual([401, 'AUTHENTICATION_FAILED'])
    const { status, body } = await server.call<Document>('GET', `${path}/openapi.json`, { key })
    expect([status, body.openapi, body.servers]).toEqual([200, '3.1.0', [{ url: path }]])
    const others = Object.keys(openapi.paths).filter((at) => at !== FLEETS)
    expect(Object.keys(body.paths)).toEqual(others)
  })
})
