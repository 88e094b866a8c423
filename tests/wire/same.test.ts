import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { addresses } from './script/addresses.ts'
import { bodies } from './script/bodies.ts'
import { people } from './script/people.ts'
import { robots } from './script/robots.ts'
import { chapter } from './chapter.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'
import { Transcript } from './transcript.ts'

/**
 * The same questions get the same answers on every runtime: one script, one transcript. `npm run bless` rewrites it with
 * the answers of the first target; commit the difference only if you can say why it is right.
 */

const BLESSED = new URL('transcript.txt', import.meta.url)
const HEAD = `# What the orchestrator answers

One conversation, the same on every runtime: tests/wire/same.test.ts holds each of them to it. What differs from one run
to the next is shown by a name in angle brackets; the same id has the same name throughout. Of the headers of an answer
those are shown that a client acts upon: kind of content and caching beside the status, the others below. ">" is what is
sent, "<" what comes back. Requests have the admin key where they say nothing of one. An error is written in short: its
code, its message, and its details where it has any.
`

chapter('the same answers', (server) => {
  test('to the same questions', async () => {
    const transcript = new Transcript(server)
    transcript.write(HEAD.trimEnd())
    await addresses(transcript)
    await bodies(transcript)
    await people(transcript)
    await robots(transcript, server.admin)
    if (process.env['BLESS'] === '1' && server.target === TARGETS[0]) writeFileSync(BLESSED, transcript.text)
    expect(transcript.text).toBe(expected(readFileSync(BLESSED, 'utf8'), server.target.answers))
  })
})

/** The blessed answers, with those of the platform itself as they are there. */
function expected(blessed: string, answers: Target['answers']): string {
  return answers.reduce((text, difference) => {
    const changed = text.replaceAll(difference.blessed, () => difference.here)
    if (changed === text) throw new Error(`nothing is blessed that differs here as is said: ${difference.blessed}`)
    return changed
  }, blessed)
}
