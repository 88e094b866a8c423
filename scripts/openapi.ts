import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
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

/** The document: `schemas/openapi.json`. The server adds its version and the address of the fleet. */
export function drawOpenApi(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [group, routes] of Object.entries(API)) {
    for (const [name, route] of Object.entries<Route>(routes)) {
      const [method = '', path = ''] = route.at.split(' ')
      paths[path] = { ...paths[path], [method.toLowerCase()]: operation(group, name, path, route) }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'CasareRPA Orchestrator',
      version: '0.0.0',
      description: 'Submit jobs, follow them, and manage robots, workflows, schedules, triggers and webhooks.',
    },
    tags: Object.keys(API).map((name) => ({ name })),
    paths,
    components: {
      schemas: { Error: schemaOf(ErrorView, 'output') },
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key' } },
    },
  }
}

function operation(group: string, name: string, path: string, route: Route): object {
  const scopes = scopesOf(route)
  const answered = { description: 'Done', ...json(schemaOf(route.answer, 'output')) }
  return {
    operationId: `${group}.${name}`,
    tags: [group],
    summary: route.summary,
    description: scopes.length === 0
      ? 'Needs no key.'
      : `Needs a key with the scope ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`,
    security: scopes.length === 0 ? [] : [{ key: [] }],
    parameters: [...pathParameters(path), ...queryParameters(route), ...headerParameters(route)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: route.bodyIs === 'required', ...json(schemaOf(route.body, 'input')) } }),
    responses: {
      ...Object.fromEntries(statusesOf(route).map((status) => [status, answered])),
      default: {
        description: `Refused: ${Object.keys(REFUSALS).join(', ')}`,
        ...json({ $ref: '#/components/schemas/Error' }),
      },
    },
  }
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
