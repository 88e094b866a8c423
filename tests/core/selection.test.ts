import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../core/base/ids.ts'
import { safeRegExp } from '../../core/base/pattern.ts'
import { parametersOf, passesFilter, selectionProblem } from '../../core/triggers/selection.ts'
import { isRefusal } from '../../core/base/refusal.ts'

const text = (json: object): JsonText => JSON.stringify(json) as JsonText

describe('filters and mappings', () => {
  const event = {
    payload: { amount: 150, order: { id: 'A-1', lines: [{ sku: 'x' }, { sku: 'y' }] }, subject: 'Invoice 23' },
    metadata: { event_type: 'new_order' },
  }

  test.each<[string, boolean]>([
    ['@.payload.amount > 100', true],
    ['@.payload.amount > 100 && @.metadata.event_type == "deleted"', false],
    ["search(@.payload.subject, '[Ii]nvoice [0-9]+')", true],
    ["match(@.payload.subject, 'Invoice')", false],
    ['count(@.payload.order.lines[*]) == 2', true],
    ['@.payload.nothing', false],
    ['!@.payload.nothing', true],
  ])('filter %s: %s', (filter, passed) => {
    expect(selectionProblem({ filter, mapping: null })).toBeNull()
    expect(passesFilter(filter, event)).toBe(passed)
  })

  test.each<[string, string, unknown]>([
    ['JSONPath', '$.payload.order.id', 'A-1'],
    ['JSON pointer', '/payload/order/lines/1/sku', 'y'],
    ['a path that may find many', '$.payload.order.lines[*].sku', ['x', 'y']],
    ['a path that finds nothing', '$.payload.none', undefined],
    ['a pointer that finds nothing', '/payload/none', undefined],
    ['the metadata', '$.metadata.event_type', 'new_order'],
  ])('mapping by %s', (_what, path, value) => {
    expect(selectionProblem({ filter: null, mapping: { it: path } })).toBeNull()
    expect(JSON.parse(String(parametersOf(text({ own: 1 }), { it: path }, event)))).toEqual(
      value === undefined ? { own: 1 } : { own: 1, it: value },
    )
  })

  test.each<[string, object, string]>([
    ['a filter that ends too soon', { filter: '@.a >', mapping: null }, 'filter'],
    ['a function that there is not', { filter: 'shout(@.a)', mapping: null }, 'filter'],
    ['a path without its $', { filter: null, mapping: { id: 'payload.id' } }, 'mapping.id'],
    ['a path that is too long', { filter: null, mapping: { id: `$.${'a'.repeat(3_000)}` } }, 'mapping.id'],
  ])('%s is refused, by its field', (_what, selection, field) => {
    expect(selectionProblem(selection as never)).toMatchObject({
      refused: 'INVALID_PAYLOAD',
      details: { fields: [field] },
    })
  })

  test('a hostile text cannot make an expression run for long', () => {
    const before = performance.now()
    expect(passesFilter("search(@.payload.s, '(a+)+$')", { payload: { s: `${'a'.repeat(5_000)}b` } })).toBe(false)
    expect(performance.now() - before).toBeLessThan(2_000)
    const pattern = safeRegExp('^(\\w+\\s?)*$', 'pattern')
    expect(!isRefusal(pattern) && pattern.find(`${'word '.repeat(1_000)}!`)).toBe(false)
    expect(safeRegExp('(', 'pattern')).toMatchObject({ details: { fields: ['pattern'] } })
    expect(safeRegExp('(?<=a)b', 'pattern')).toMatchObject({ refused: 'INVALID_PAYLOAD' })
  })

  test('what is nested as deep as may be is looked through', () => {
    let deep: object = { end: 1 }
    for (let i = 0; i < 60; i++) deep = { deep }
    expect(passesFilter('@.payload..end', { payload: deep as never })).toBe(true)
  })
})
