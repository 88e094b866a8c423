import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Body, countBody, countedText, readCounted } from '../../../outgoing/body.ts'

/** The one reader of bodies, which stops at a limit. */

interface Source {
  readonly body: Exclude<Body, null>
  /** The number of parts that have been asked for. */
  asked: number
  cancelled: boolean
}

function webStream(parts: readonly string[]): Source {
  const source: Source = {
    asked: 0,
    cancelled: false,
    body: new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts[source.asked++]
        if (part === undefined) return controller.close()
        controller.enqueue(new TextEncoder().encode(part))
      },
      cancel() {
        source.cancelled = true
      },
    }, { highWaterMark: 0 }),
  }
  return source
}

function nodeStream(parts: readonly string[]): Source {
  const source: Source = {
    asked: 0,
    cancelled: false,
    body: new Readable({
      highWaterMark: 0,
      read() {
        const part = parts[source.asked++]
        this.push(part === undefined ? null : Buffer.from(part))
      },
      destroy(_error, done) {
        source.cancelled = !this.readableEnded
        done(null)
      },
    }),
  }
  return source
}

describe.each([['of the web', webStream], ['of Node', nodeStream]])('a stream %s', (_name, make) => {
  test.each<readonly [string, readonly string[], number, string, boolean]>([
    ['nothing', [], 5, '', true],
    ['less than the limit', ['ab', 'cd'], 5, 'abcd', true],
    ['just as much', ['ab', 'cde'], 5, 'abcde', true],
    ['one byte more', ['ab', 'cdef'], 5, 'abcde', false],
    ['a character over the edge', ['abcd', 'é'], 5, 'abcd', false],
    ['nothing where nothing may be', [], 0, '', true],
    ['something where nothing may be', ['a'], 0, '', false],
  ])('%s', async (_what, parts, most, text, isWhole) => {
    const read = await readCounted(make(parts).body, most)
    expect([countedText(read), read.isWhole]).toEqual([text, isWhole])
    expect(read.bytes.length).toBeLessThanOrEqual(most)
  })

  test('what comes after the limit is neither read nor cancelled', async () => {
    const source = make(Array.from({ length: 100 }, () => 'abc'))
    expect((await readCounted(source.body, 4)).isWhole).toBe(false)
    expect(source.asked).toBeLessThan(10)
    expect(source.cancelled).toBe(false)
  })

  test('an error of the stream is one of the reading', async () => {
    const { body } = make(['a'])
    if (body instanceof Readable) body.destroy(new Error('gone'))
    else await (body as ReadableStream).cancel()
    const read = readCounted(body, 5)
    await (body instanceof Readable
      ? expect(read).rejects.toThrow('gone')
      : expect(read).resolves.toMatchObject({ isWhole: true }))
  })
})

test('an abort ends the wait for a part that does not come', async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
  const control = new AbortController()
  const counted = countBody(silent, 5, () => {}, control.signal)
  control.abort()
  expect(await counted).toBe(true)
  expect(silent.locked).toBe(false)
})

test('no body is an empty one', async () => {
  expect(await readCounted(null, 5)).toEqual({ bytes: new Uint8Array(), isWhole: true })
})
