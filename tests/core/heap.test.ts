import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../core/base/heap.ts'

interface Entry {
  readonly key: number
  readonly rank: number
}
const before = (a: Entry, b: Entry) => a.rank < b.rank || (a.rank === b.rank && a.key < b.key)

const commands = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('set' as const), key: fc.nat(20), rank: fc.nat(10) }),
    fc.record({ do: fc.constant('delete' as const), key: fc.nat(20), rank: fc.constant(0) }),
  ),
  { maxLength: 200 },
)

test('a heap is a sorted list, whatever is set, changed and deleted', () => {
  fc.assert(fc.property(commands, fc.nat(10), (list, bar) => {
    const heap = new Heap<number, Entry>(before)
    const twin = new Map<number, Entry>()
    for (const { do: verb, key, rank } of list) {
      if (verb === 'set') heap.set(key, { key, rank })
      else expect(heap.delete(key)).toBe(twin.has(key))
      if (verb === 'set') twin.set(key, { key, rank })
      else twin.delete(key)
      const sorted = [...twin.values()].sort((a, b) => before(a, b) ? -1 : 1)
      expect(heap.size).toBe(sorted.length)
      expect(heap.peek()).toEqual(sorted[0])
      expect(heap.first((entry) => entry.key > bar)).toEqual(sorted.find((entry) => entry.key > bar))
      expect(heap.get(key)).toEqual(twin.get(key))
      const isLow = (entry: Entry): boolean => entry.rank <= bar
      const low = [...heap.upTo(isLow)].sort((a, b) => before(a, b) ? -1 : 1)
      expect(low).toEqual(sorted.filter(isLow))
    }
  }))
})
