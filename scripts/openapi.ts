import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import pkg from '../package.json' with { type: 'json' }
import { API } from '../core/api/index.ts'
import { type Route, scopesOf, statusesOf } from '../core/api/route.ts'
import { ErrorView } from '../core/api/error.ts'
import { REFUSALS } from '../core/base/refusal.ts'

/** Draws the HTTP API as an OpenAPI 3.1 document, from the contract that the server serves. */

type Mode = 'input' | 'output'

/**
 * Rules that JSON Schema cannot express are left out: custom objects become objects, and only the orchestrator checks
 * the rest.
 */
const CONFIG: ConversionConfig = {
  target: 'draft-2020-12',
  errorMode: 'ignore',
  overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'custom' ? { type: 'object' } : undefined),
}

/** Names of schemas that the rule of `nameOf` would give a worse name, by route. */
const NAMES: Readonly<Record<string, string>> = {
  'calls.start': 'StartedCall',
  'calls.get': 'Call',
  'health.check': 'Health',
  'jobs.explain': 'JobExplanation',
  'jobs.history': 'JobHistoryEntry',
  'jobs.logs': 'LogLine',
  'jobs.submit': 'SubmittedJob',
  'jobs.submitBatch': 'BatchOutcome',
  'robots.status': 'RobotReport',
  'schedules.preview': 'PreviewedRun',
  'schedules.upcoming': 'UpcomingRun',
  'stats.dispatcher': 'DispatcherStats',
  'stats.queue': 'QueueStats',
  'triggers.fire': 'Firing',
  'triggers.reportFiles': 'FileOutcome',
  'webhooks.deliveries': 'Delivery',
  'workflows.publish': 'PublishedWorkflow',
}

/** Draws the document, `schemas/openapi.json`. The server adds its version and the address of the fleet. */
export function drawOpenApi(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [group, routes] of Object.entries(API)) {
    for (const [name, route] of Object.entries<Route>(routes)) {
      const [method = '', path = ''] = route.at.split(' ')
      paths[path] = { ...paths[path], [method.toLowerCase()]: operation(group, name, path, route) }
    }
  }
  const schemas = namedSchemas()
  const names = new Map([...schemas].map(([name, schema]) => [JSON.stringify(schema), name]))
  return {
    openapi: '3.1.0',
    info: {
      title: 'CasareRPA Orchestrator',
      version: '0.0.0',
      description: 'Submit jobs, follow them, and manage robots, workflows, schedules, triggers and webhooks.',
    },
    externalDocs: { url: `${DOCS}API.md` },
    tags: [...Object.keys(API), 'public'].map((name) => ({ name })),
    paths: withReferences({ ...paths, ...PUBLIC }, names),
    components: {
      schemas: Object.fromEntries(
        [...schemas].map(([name, schema]) => [name, withReferences(schema, names, name)]),
      ),
      responses: {
        Refused: {
          description: `Refused: ${Object.keys(REFUSALS).join(', ')}`,
          ...json({ $ref: '#/components/schemas/Error' }),
        },
      },
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key' } },
    },
  }
}

const DOCS = pkg.homepage.replace('#readme', '/blob/main/docs/')

/** The routes that other systems, chats and people call without a key. */
const PUBLIC = {
  '/webhook/{trigger}': {
    post: publicOperation(
      'webhook',
      'Starts a job, with whatever the trigger asks for in place of a key',
      'TRIGGERS.md',
    ),
    get: publicOperation('webhookCheck', 'Says that a webhook is at this address', 'TRIGGERS.md'),
  },
  '/chat/{trigger}': {
    post: publicOperation(
      'chat',
      'Starts a job from Slack, Telegram, Teams or Discord, which sign what they send',
      'CHAT.md',
    ),
  },
  '/form/{trigger}': {
    get: publicOperation('form', 'Shows a form', 'FORMS.md'),
    post: publicOperation('formSubmit', 'Submits a form', 'FORMS.md'),
  },
}

function publicOperation(name: string, summary: string, page: string): object {
  return {
    operationId: `public.${name}`,
    tags: ['public'],
    summary,
    externalDocs: { url: DOCS + page },
    security: [],
    parameters: pathParameters('{trigger}'),
    responses: { default: { description: 'Described in the documentation of the trigger type' } },
  }
}

/** Gives each body and each answer a name. Views of lists come first: other routes answer with them too. */
function namedSchemas(): ReadonlyMap<string, object> {
  const named = new Map<string, object>([['Error', schemaOf(ErrorView, 'output')]])
  const texts = new Set<string>()
  const add = (name: string, schema: object): void => {
    const text = JSON.stringify(schema)
    if (texts.has(text)) return
    if (named.has(name)) throw new Error(`two schemas would be named ${name}: add one of them to NAMES`)
    texts.add(text)
    named.set(name, schema)
  }
  const all = Object.entries(API).flatMap(([group, routes]) =>
    Object.entries<Route>(routes).map(([name, route]) => ({ group, name, route }))
  )
  const rank = ({ name, route }: { name: string; route: Route }): number =>
    name === 'list' ? 0 : route.paged === true ? 1 : name === 'get' ? 2 : 3
  for (const { group, name, route } of all.toSorted((a, b) => rank(a) - rank(b))) {
    add(nameOf(group, name), schemaOf(itemOf(route.answer), 'output'))
  }
  for (const { group, name, route } of all) {
    if (route.body !== undefined) add(bodyNameOf(group, name), schemaOf(route.body, 'input'))
  }
  return named
}

/** The schema of a page's items; any other schema itself. */
function itemOf(schema: v.GenericSchema): v.GenericSchema {
  const { items } = (schema as { readonly entries?: Readonly<Record<string, { readonly item?: v.GenericSchema }>> })
    .entries ?? {}
  return items?.item ?? schema
}

/** `jobs.list` is of `Job`, `jobs.get` of `JobDetail`, `schedules.runs` of `ScheduleRun`. */
function nameOf(group: string, route: string): string {
  const one = capital(group.replace(/s$/, ''))
  const others: Readonly<Record<string, string>> = { list: one, get: `${one}Detail`, create: `Created${one}` }
  return NAMES[`${group}.${route}`] ?? others[route] ?? one + capital(route.replace(/s$/, ''))
}

function bodyNameOf(group: string, route: string): string {
  const one = capital(group.replace(/s$/, ''))
  return route === 'create' || route === 'submit' ? `New${one}` : `${one}${capital(route)}Body`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** Replaces each schema that has a name by a reference to it. `own` is not replaced. */
function withReferences(drawn: unknown, names: ReadonlyMap<string, string>, own = ''): unknown {
  if (typeof drawn !== 'object' || drawn === null) return drawn
  const name = names.get(JSON.stringify(drawn))
  if (name !== undefined && name !== own) return { $ref: `#/components/schemas/${name}` }
  if (Array.isArray(drawn)) return drawn.map((item) => withReferences(item, names))
  return Object.fromEntries(Object.entries(drawn).map(([key, value]) => [key, withReferences(value, names)]))
}

function operation(group: string, name: string, path: string, route: Route): object {
  // A robot's own key has no other scope.
  const scopes = route.orRobot === true ? [...scopesOf(route), 'robots:connect'] : scopesOf(route)
  const answered = { description: 'Done', ...json(schemaOf(route.answer, 'output')) }
  return {
    operationId: `${group}.${name}`,
    tags: [group],
    summary: plain(route.summary),
    security: scopes.map((scope) => ({ key: [scope] })),
    parameters: [...pathParameters(path), ...queryParameters(route), ...headerParameters(route)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: route.takes === 'body', ...json(schemaOf(route.body, 'input')) } }),
    responses: {
      ...Object.fromEntries(statusesOf(route).map((status) => [status, answered])),
      default: { $ref: '#/components/responses/Refused' },
    },
  }
}

/** A summary is plain text. Here it stands in no page, so nothing is below it. */
function plain(markdown: string): string {
  return markdown.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '').replaceAll(/(?::|, as) below\b/g, '')
}

function pathParameters(path: string): readonly object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: Route): readonly object[] {
  return Object.entries<v.GenericSchema>(query?.entries ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema, 'input'),
  }))
}

function headerParameters({ idempotent }: Route): readonly object[] {
  return idempotent === true
    ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string' } }]
    : []
}

function json(schema: object): object {
  return { content: { 'application/json': { schema } } }
}

function schemaOf(schema: v.GenericSchema, typeMode: Mode): object {
  const { $schema: _, ...drawn } = toJsonSchema(schema, { ...CONFIG, typeMode })
  return drawn
}
