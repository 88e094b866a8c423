import { describe, expect, test } from 'vitest'
import { type FileStat, Settling } from '../../../adapters/sources/settling.ts'

const seen = (inode: number, size = 1, mtimeMs = 1, { ctimeMs = 1, bornMs = 1 } = {}): FileStat => ({
  inode: String(inode),
  size,
  mtimeMs,
  ctimeMs,
  bornMs,
})

/** The completed changes at each of the instants, as short texts. */
function story(settling: Settling, ...instants: readonly number[]): readonly string[] {
  return instants.flatMap((now) =>
    settling.due(now).flatMap((path) => {
      const event = settling.take(path, now)
      if (event === null) return []
      return [`${now} ${event.type} ${event.source === null ? '' : `${event.source} > `}${path}`]
    })
  )
}

const newSettling = (): Settling => new Settling({ debounceMs: 1_000, settleMs: 2_000 })

describe('a change is an event once nothing more happens', () => {
  test('a file is told of when it has stayed as it is for settle_ms', () => {
    const settling = newSettling()
    settling.found('a', seen(1, 10), 0)
    settling.found('a', seen(1, 20), 1_500)
    expect(story(settling, 2_000, 3_499, 3_500, 9_000)).toEqual(['3500 created a'])
  })

  test('looking again without a change does not put it off', () => {
    const settling = newSettling()
    settling.found('a', seen(1), 0)
    settling.found('a', seen(1), 1_999)
    expect(story(settling, 2_000)).toEqual(['2000 created a'])
  })

  test('one that was there before is none, until it changes', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.found('a', seen(1), 0)
    expect(settling.next()).toBe(Infinity)
    settling.found('a', seen(1, 2), 0)
    expect(story(settling, 2_000)).toEqual(['2000 modified a'])
  })

  test('one that changes and is as it was again is none', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.found('a', seen(1, 2), 0)
    settling.found('a', seen(1), 10)
    expect(story(settling, 9_000)).toEqual([])
  })

  test('one that comes and goes before it is told of is none', () => {
    const settling = newSettling()
    settling.found('a', seen(1), 0)
    settling.missed('a', 100)
    expect(story(settling, 9_000)).toEqual([])
    expect(settling.size).toBe(0)
  })

  test('one that is gone for debounce_ms is deleted; one that is back before that is not', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.settled('b', seen(2))
    settling.missed('a', 0)
    settling.missed('b', 0)
    settling.found('b', seen(3, 5, 5), 500)
    expect(story(settling, 999, 1_000, 2_500)).toEqual(['1000 deleted a', '2500 modified b'])
    expect(settling.paths()).toEqual(['b'])
  })
})

describe('a file that goes and one that comes with the same inode, size and time are one', () => {
  for (const order of ['gone first', 'come first']) {
    test(order, () => {
      const settling = newSettling()
      settling.settled('a', seen(1))
      if (order === 'gone first') settling.missed('a', 0)
      settling.found('b', seen(1), 5)
      if (order === 'come first') settling.missed('a', 10)
      expect(story(settling, 9_000)).toEqual(['9000 moved a > b'])
      expect(settling.paths()).toEqual(['b'])
    })
  }

  test('the same inode alone says nothing: it was given away', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.missed('a', 0)
    settling.found('b', seen(1, 1, 2), 5)
    expect(story(settling, 9_000)).toEqual(['9000 deleted a', '9000 created b'])
  })

  test('one that was still on its way under its first name is new under its second', () => {
    const settling = newSettling()
    settling.found('a.part', seen(1), 0)
    settling.missed('a.part', 100)
    settling.found('a', seen(1), 100)
    expect(story(settling, 9_000)).toEqual(['9000 created a'])
  })

  test('moved twice it is moved once, and moved and deleted it is deleted', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.missed('a', 0)
    settling.found('b', seen(1), 0)
    settling.missed('b', 50)
    settling.found('c', seen(1), 50)
    expect(story(settling, 2_050)).toEqual(['2050 moved a > c'])
    settling.missed('c', 3_000)
    settling.found('d', seen(1), 3_000)
    settling.missed('d', 3_100)
    expect(story(settling, 9_000)).toEqual(['9000 deleted c'])
    expect(settling.size).toBe(0)
  })

  test('what comes to the former path is another file', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.missed('a', 0)
    settling.found('b', seen(1), 0)
    settling.found('a', seen(2, 7), 10)
    expect(story(settling, 9_000)).toEqual(['9000 moved a > b', '9000 created a'])
    settling.found('a', seen(2, 7), 9_500)
    expect(story(settling, 20_000)).toEqual([])
  })

  test('two are swapped: each is modified', () => {
    const settling = newSettling()
    settling.settled('a', seen(1, 1))
    settling.settled('b', seen(2, 2))
    settling.found('a', seen(2, 2), 0)
    settling.found('b', seen(1, 1), 0)
    expect(story(settling, 9_000)).toEqual(['9000 modified a', '9000 modified b'])
  })
})

describe('a file that takes the place of one of the same size and time', () => {
  test.each<[string, FileStat, boolean]>([
    ['moved over it', seen(2, 1, 1, { ctimeMs: 9 }), true],
    ['moved over it, where times of birth are not kept', seen(2, 1, 1, { ctimeMs: 9, bornMs: 0 }), true],
    ['made with its inode, once it was gone', seen(1, 1, 1, { ctimeMs: 9, bornMs: 8 }), true],
    ['older than it', seen(2, 1, 1, { ctimeMs: 9, bornMs: 0.5 }), true],
    ['the same with other rights', seen(1, 1, 1, { ctimeMs: 9 }), false],
    ['the same on a system that counts inodes anew', seen(2), false],
    ['the same where times of birth are not kept', seen(1, 1, 1, { ctimeMs: 9, bornMs: 0 }), false],
  ])('%s', (_what, now, isAnother) => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.found('a', now, 0)
    expect(story(settling, 2_000, 9_000)).toEqual(isAnother ? ['2000 modified a'] : [])
  })

  test('two that are swapped are modified both', () => {
    const settling = newSettling()
    settling.settled('a', seen(1, 1, 1, { bornMs: 1 }))
    settling.settled('b', seen(2, 1, 1, { bornMs: 2 }))
    settling.found('a', seen(2, 1, 1, { ctimeMs: 9, bornMs: 2 }), 0)
    settling.found('b', seen(1, 1, 1, { ctimeMs: 9, bornMs: 1 }), 0)
    expect(story(settling, 9_000)).toEqual(['9000 modified a', '9000 modified b'])
  })
})

describe('when the folder itself is away', () => {
  test('its files are not deleted', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.missed('a', 0)
    settling.away()
    expect(story(settling, 9_000)).toEqual([])
    settling.found('a', seen(1), 9_000)
    expect(story(settling, 20_000)).toEqual([])
  })

  test('in the folder that is there instead, what is as it was is not told of, whatever its inode', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.settled('b', seen(2))
    settling.replaced()
    settling.found('a', seen(11), 0)
    settling.found('b', seen(12, 9), 0)
    settling.found('c', seen(13), 0)
    expect(story(settling, 9_000)).toEqual(['9000 created b', '9000 created c'])
    expect(settling.paths()).toEqual(['a', 'b', 'c'])
  })

  test('an empty mount point in between changes nothing', () => {
    const settling = newSettling()
    settling.settled('a', seen(1))
    settling.replaced()
    expect(story(settling, 9_000)).toEqual([])
    settling.replaced()
    settling.found('a', seen(1), 9_000)
    expect(story(settling, 20_000)).toEqual([])
  })
})
