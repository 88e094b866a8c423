import { type Context, Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { refuse } from '../../core/base/refusal.ts'
import { fleets as fleetsContract } from '../../core/api/fleets.ts'
import { calls } from '../../core/api/calls.ts'
import { jobs } from '../../core/api/jobs.ts'
import { keys } from '../../core/api/keys.ts'
import { health } from '../../core/api/health.ts'
import { pools } from '../../core/api/pools.ts'
import { stats } from '../../core/api/stats.ts'
import { triggers } from '../../core/api/triggers.ts'
import { webhooks } from '../../core/api/webhooks.ts'
import { schedules } from '../../core/api/schedules.ts'
import { workflows } from '../../core/api/workflows.ts'
import { robots } from '../../core/api/robots.ts'
import { SCOPES } from '../../core/records/key.ts'
import { isPercentUtf8 } from '../net/charset.ts'
import { fleetPath } from '../fleet/path.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { StoreUnusable } from '../store/contract.ts'
import { callHandlers } from './routes/calls.ts'
import { chatRoutes } from './public/chat.ts'
import { fleetHandlers, type FleetRegistry } from './routes/fleets.ts'
import { jobHandlers } from './routes/jobs.ts'
import { formRoutes } from './public/form.ts'
import { keyHandlers } from './routes/keys.ts'
import { type About, healthHandlers } from './routes/health.ts'
import { openApi } from './routes/openapi.ts'
import { poolHandlers } from './routes/pools.ts'
import { statsHandlers } from './routes/stats.ts'
import { crossOrigin } from './kit/cross-origin.ts'
import { FixedPaths } from './kit/fixed-paths.ts'
import { methodsOf } from './kit/methods.ts'
import type { HonoEnv } from './kit/env.ts'
import { requireScope } from './kit/request.ts'
import { searchOf } from './kit/query.ts'
import { namesRequest, refused, setHeader, writesJson } from './kit/response.ts'
import { serve } from './kit/serve.ts'
import { robotHandlers } from './routes/robots.ts'
import { scheduleHandlers } from './routes/schedules.ts'
import { triggerHandlers } from './routes/triggers.ts'
import { incomingWebhookRoutes } from './public/webhook.ts'
import { webhookHandlers } from './routes/webhooks.ts'
import { workflowHandlers } from './routes/workflows.ts'

export interface AppOptions {
  /** The beginning of every path, as `/fleets/acme`. */
  readonly base?: string
  /** Serves the paths of every fleet; for the empty fleet. */
  readonly anyFleet?: boolean
  /** Require a key for the health check, `/openapi.json` and `/`, so that the existence of the fleet is not revealed. */
  readonly hidden?: boolean
  /** For the default fleet: the others are made and listed by it. */
  readonly fleets?: FleetRegistry
}

/** The HTTP surface of one fleet, the same on every runtime. */
export function httpApp(
  fleet: Fleet,
  about: About,
  { base = '', anyFleet = false, hidden = false, fleets }: AppOptions = {},
): Hono<HonoEnv> {
  const rest = (path: string): string => path.slice((anyFleet ? fleetPath(path)?.base ?? '' : base).length) || '/'
  const app = new Hono<HonoEnv>({
    router: new FixedPaths(),
    ...(base === '' && !anyFleet ? {} : { getPath: (request: Request) => rest(getPath(request)) }),
  })
  app.use('*', namesRequest)
  const { corsOrigins } = fleet.state.settings
  for (const path of corsOrigins.length > 0 ? ['/api/*', '/healthz', '/openapi.json'] : []) {
    app.use(path, crossOrigin(corsOrigins))
  }
  if (hidden) {
    const anyKey = requireScope(fleet, ...SCOPES)
    for (const path of ['/', '/healthz', '/openapi.json']) app.use(path, writesJson, anyKey)
  }
  app.use('*', writesJson)
  app.use('/api/*', async (c, next) => {
    setHeader(c, 'Cache-Control', 'no-store')
    c.set('base', base)
    if (!isPercentUtf8(searchOf(c))) {
      return refused(c, refuse('INVALID_PAYLOAD', 'The query of the address is not valid UTF-8'))
    }
    return next()
  })
  mountPublic(app, fleet, base)
  mountApi(app, fleet)
  if (fleets !== undefined) serve(app, fleet, fleetsContract, fleetHandlers(fleets))
  serve(app, fleet, health, healthHandlers(about))
  app.get('/openapi.json', openApi(about.version, base, fleets !== undefined))
  app.get('/', (c) =>
    c.json({
      name: 'CasareRPA Orchestrator',
      version: about.version,
      api: `${base}/api/v1`,
      health: `${base}/healthz`,
      openapi: `${base}/openapi.json`,
      robots: `${base}/ws`,
    }))
  const methodsAt = methodsOf(app)
  app.notFound((c) => nowhere(c, methodsAt(c.req.path)))
  app.onError((error, c) => failed(c, fleet, error))
  return app
}

/**
 * Mounts the routes for callers from outside: other systems, chats and people, each authenticated as its trigger
 * requires.
 */
function mountPublic(app: Hono<HonoEnv>, fleet: Fleet, base: string): void {
  app.route('/webhook', incomingWebhookRoutes(fleet))
  app.route('/chat', chatRoutes(fleet))
  app.route('/form', formRoutes(fleet, base))
}

function mountApi(app: Hono<HonoEnv>, fleet: Fleet): void {
  serve(app, fleet, jobs, jobHandlers)
  serve(app, fleet, workflows, workflowHandlers)
  serve(app, fleet, robots, robotHandlers)
  serve(app, fleet, triggers, triggerHandlers)
  serve(app, fleet, calls, callHandlers)
  serve(app, fleet, schedules, scheduleHandlers)
  serve(app, fleet, keys, keyHandlers)
  serve(app, fleet, pools, poolHandlers)
  serve(app, fleet, webhooks, webhookHandlers)
  serve(app, fleet, stats, statsHandlers)
}

/** A path that nothing is at, or that takes other methods. */
function nowhere(c: Context<HonoEnv>, allow: readonly string[]): Response {
  const { method, path } = c.req
  if (allow.length === 0) return refused(c, refuse('NOT_FOUND', `There is nothing at ${method} ${path}`))
  const message = `${method} is not allowed at ${path}: use ${allow.join(', ')}`
  return refused(c, refuse('METHOD_NOT_ALLOWED', message, { allow }))
}

function failed(c: Context<HonoEnv>, fleet: Fleet, error: Error): Response {
  if (error instanceof StoreUnusable) return refused(c, refuse('UNAVAILABLE', 'The database cannot be read just now'))
  fleet.platform.log('error', 'a request failed', {
    path: c.req.path,
    request: c.get('requestId'),
    error: error.stack ?? String(error),
  })
  return refused(c, refuse('HANDLER_ERROR', 'The request could not be handled; it has been logged'))
}
