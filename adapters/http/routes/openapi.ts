import type { Context } from 'hono'
import openapi from '../../../schemas/openapi.json' with { type: 'json' }
import { PATHS } from '../../../core/api/paths.ts'
import { respond } from '../kit/response.ts'

/** Serves the OpenAPI document of a fleet. Its text is made on the first request. */
export function openApi(version: string, base: string, hasFleets: boolean): (c: Context) => Response {
  let text: string | undefined
  return (c) => {
    if (c.req.query('pretty') !== undefined) return c.json(documentOf(version, base, hasFleets))
    text ??= JSON.stringify(documentOf(version, base, hasFleets))
    return respond(c, text, 200, { 'Content-Type': 'application/json' })
  }
}

/** The document without the routes for fleets, where they are not served. */
function documentOf(version: string, base: string, hasFleets: boolean): object {
  const [, fleets] = PATHS.fleets.list.at.split(' ')
  const paths = Object.entries(openapi.paths).filter(([path]) => hasFleets || path !== fleets)
  return {
    ...openapi,
    info: { ...openapi.info, version },
    servers: [{ url: base === '' ? '/' : base }],
    paths: Object.fromEntries(paths),
  }
}
