import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { drawSchemas } from './schemas.ts'

/** The JSON Schemas in the package are current, accept the examples of the manuals, and refuse invalid values. */

const FOLDER = new URL('../schemas/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

/** The first JSON in a page that follows the heading. */
function shownIn(path: string, heading: string): unknown {
  const [, shown = ''] = read(path).split(`\n## ${heading}\n`)[1]?.match(/```json\n([\s\S]*?)```/) ?? []
  return JSON.parse(shown)
}

const drawn = drawSchemas()
const judge = (name: string) => new Ajv({ strict: true, allowUnionTypes: true }).compile(drawn[name] ?? {})

test('they are what the schemas of the orchestrator say', () => {
  if (process.env['BLESS'] === '1') {
    mkdirSync(FOLDER, { recursive: true })
    for (const [name, schema] of Object.entries(drawn)) {
      writeFileSync(new URL(name, FOLDER), `${JSON.stringify(schema, null, 2)}\n`)
    }
  }
  expect(readdirSync(FOLDER).toSorted()).toEqual(['openapi.json', ...Object.keys(drawn)].toSorted())
  for (const [name, schema] of Object.entries(drawn)) expect(JSON.parse(read(`schemas/${name}`))).toEqual(schema)
})

describe('settings', () => {
  const accepts = judge('settings.schema.json')

  test('as the manual shows them are right', () => {
    expect([accepts(shownIn('docs/API.md', 'Settings')), accepts.errors]).toEqual([true, null])
    expect(accepts({})).toBe(true)
  })

  test.each([
    [{ ofer_seconds: 1 }],
    [{ offer_seconds: '1' }],
    [{ offer_seconds: 0 }],
    [{ strategy: 'fastest' }],
    [{ live_jobs_max: 1.5 }],
    [{ submissions_max: -1 }],
    [{ cors_origins: 'https://app.example.com' }],
    [{ $schema: 7 }],
    [[]],
  ])('%j are wrong', (settings) => expect(accepts(settings)).toBe(false))
})

describe('a workflow', () => {
  const accepts = judge('workflow.schema.json')

  test.each(['greeting', 'orders-total', 'url-check'])('as the sample %s is one', (name) => {
    expect([accepts(JSON.parse(read(`workflows/library/${name}.json`))), accepts.errors]).toEqual([true, null])
  })

  test.each([[{ nodes: {} }], [{ format: 'custom' }], [{
    format: 'workflow',
    nodes: { a: { node_type: 'LogNode' } },
  }]])(
    '%j is one',
    (workflow) => expect(accepts(workflow)).toBe(true),
  )

  test.each([
    [{}],
    [[]],
    [{ format: '' }],
    [{ format: 7 }],
    [{ format: 'workflow' }],
    [{ nodes: [] }],
    [{ nodes: { a: {} } }],
    [{ nodes: { a: { node_type: 7 } } }],
    [{ nodes: { a: { node_type: '' } } }],
    [{ nodes: { a: { node_type: 'LogNode', config: [] } } }],
    [{ nodes: {}, connections: [{ source_node: 'a' }] }],
    [{ nodes: {}, settings: { stop_on_error: 'no' } }],
  ])('%j is none', (workflow) => expect(accepts(workflow)).toBe(false))
})
