import type { Budget } from './budget.ts'
import { type Json, tokenOf } from '../base/json.ts'
import { compareNumbers } from '../base/number.ts'

/** Comparison of values in their original notation by RFC 9535; numbers by their exact values. */

/** A value, or nothing where there is none. */
export type Side = Json | undefined

/** Evaluates `==`, `!=`, `<`, `<=`, `>` or `>=`. Throws `BudgetExceeded` if that costs more than is left. */
export function compare(one: Side, operator: string, other: Side, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return equal(one, other, budget)
    case '!=':
      return !equal(one, other, budget)
    case '<':
      return less(one, other, budget)
    case '>':
      return less(other, one, budget)
    case '<=':
      return less(one, other, budget) || equal(one, other, budget)
    default:
      return less(other, one, budget) || equal(one, other, budget)
  }
}

function equal(one: Side, other: Side, budget: Budget): boolean {
  budget.step(typeof one === 'string' && typeof other === 'string' ? 1 + Math.min(one.length, other.length) / 64 : 1)
  if (one === other) return true
  const order = orderOf(one, other, budget)
  if (order !== null) return order === 0
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
      one.every((item: Json, i) => equal(item, (other as readonly Json[])[i] as Json, budget))
  }
  const [mine, theirs] = [one, other] as [{ readonly [key: string]: Json }, { readonly [key: string]: Json }]
  const keys = Object.keys(mine)
  budget.step(1 + keys.length / 2)
  return keys.length === Object.keys(theirs).length &&
    keys.every((key) => Object.hasOwn(theirs, key) && equal(mine[key] as Json, theirs[key] as Json, budget))
}

function less(one: Side, other: Side, budget: Budget): boolean {
  const order = orderOf(one, other, budget)
  if (order !== null) return order < 0
  if (typeof one !== 'string' || typeof other !== 'string' || tokenOf(one) !== null || tokenOf(other) !== null) {
    return false
  }
  budget.step(Math.min(one.length, other.length) / 64)
  return one < other
}

/** The order of two numbers; null if one of them is not a number. */
function orderOf(one: Side, other: Side, budget: Budget): number | null {
  if (typeof one === 'number' && typeof other === 'number') return one === other ? 0 : one < other ? -1 : 1
  const [left, right] = [numberText(one), numberText(other)]
  if (left === null || right === null) return null
  // Digit by digit, which takes a while.
  budget.step(20 + (left.length + right.length) / 8)
  return compareNumbers(left, right)
}

function numberText(value: Side): string | null {
  return typeof value === 'number' ? String(value) : tokenOf(value)
}
