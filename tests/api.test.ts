import { readFileSync, writeFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { drawOpenApi } from '../scripts/openapi.ts'
import { withRouteTable } from '../scripts/route-table.ts'

/** The contract of the HTTP API is what is published of it. */

const DOCUMENT = new URL('../schemas/openapi.json', import.meta.url)
const PAGE = new URL('../docs/API.md', import.meta.url)

test('schemas/openapi.json is the contract', () => {
  const drawn = `${JSON.stringify(drawOpenApi(), null, 2)}\n`
  if (process.env['BLESS'] === '1') writeFileSync(DOCUMENT, drawn)
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(drawn)
})

test('it is a valid OpenAPI 3.1 document', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(drawOpenApi() as Record<string, unknown>)
  expect([valid, errors]).toEqual([true, undefined])
  expect(validator.version).toBe('3.1')
})

test('the route table of docs/API.md is the contract', () => {
  const drawn = withRouteTable(readFileSync(PAGE, 'utf8'))
  if (process.env['BLESS'] === '1') writeFileSync(PAGE, drawn)
  expect(readFileSync(PAGE, 'utf8')).toBe(drawn)
})
