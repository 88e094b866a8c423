import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { play } from './play.ts'

/** Golden conversations. `npm run bless` rewrites them: commit the difference only if you can say why it is right. */
const FOLDER = new URL('./', import.meta.url)
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))

describe('conversations', () => {
  test('there are enough of them', () => expect(names.length).toBeGreaterThanOrEqual(20))

  test.each(names)('%s', (name) => {
    const file = new URL(name, FOLDER)
    const written = readFileSync(file, 'utf8')
    const played = play(written)
    if (process.env['BLESS'] === '1') writeFileSync(file, played)
    else expect(played).toBe(written)
  })
})
