import { match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, test } from 'vitest'
import { rng } from '../../core/base/random.ts'
import { begun, copy, FILES, removePast } from './past.ts'

/** Bits that flip on a disk, each drawn from a seed: every answer is as it was, or none is given. */

afterAll(removePast)

/** The process that reads; it is started anew when it has ended. */
class Reader {
  #child: ChildProcess | undefined
  #lines: AsyncIterator<string> | undefined

  async read(path: string): Promise<string> {
    if (this.#child === undefined) {
      this.#child = spawn(process.execPath, ['--import', 'tsx', 'tests/contract/damage-reader.ts'], {
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
    }
    this.#child.stdin!.write(`${path}\n`)
    const line = await this.#lines!.next()
    if (line.done === true) this.#child = undefined
    return line.done === true ? 'wrong: the process has ended' : line.value
  }

  end(): void {
    this.#child?.stdin?.end()
  }
}

describe('any bit', () => {
  const reader = new Reader()
  afterAll(() => reader.end())

  test.each([
    ['after an orderly stop', true, 80],
    ['after a kill', false, 80],
  ])('that flips %s is found, or changes nothing', { timeout: 300_000 }, async (_, orderly, flips) => {
    const store = await begun()
    const source = orderly ? store.path : copy(store.path)
    await store.close()
    const healthy = await reader.read(copy(source))
    match(healthy, /^same /)
    const random = rng(15)
    const below = (limit: number): number => Math.floor(random() * limit)
    const found = { same: 0, refused: 0 }
    for (let i = 0; i < flips; i++) {
      const path = copy(source)
      const files = FILES.filter((file) => (statSync(path + file, { throwIfNoEntry: false })?.size ?? 0) > 0)
      const file = files[i % 4 === 0 ? below(files.length) : orderly ? 0 : i % 2] ?? ''
      const bytes = readFileSync(path + file)
      const at = below(bytes.length)
      bytes[at]! ^= 1 << below(8)
      writeFileSync(path + file, bytes)
      const answer = await reader.read(path)
      const where = `flip ${i} at ${at} of a.db${file}: ${answer}`
      if (answer === healthy) found.same++
      else {
        ok(answer.startsWith('refused '), where)
        found.refused++
      }
      rmSync(join(path, '..'), { recursive: true })
    }
    ok(found.refused > flips / 4, JSON.stringify(found))
  })
})
