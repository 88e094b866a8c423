import { expect, test } from 'vitest'
import { after, JOB_LIFE, JOB_STATUSES, type JobVerb } from '../../core/job.ts'

const VERBS: readonly JobVerb[] = ['ready', 'accept', 'complete', 'fail', 'cancel', 'expire', 'requeue', 'back_off']

test('every cell of the life table', () => {
  const width = 10
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padEnd(width)).join('').trimEnd()
  const drawn = [
    row(['', ...VERBS]),
    ...JOB_STATUSES.map((status) => row([status, ...VERBS.map((verb) => after(status, verb) ?? '·')])),
  ].join('\n')
  expect(`\n${drawn}\n`).toBe(`
          ready     accept    complete  fail      cancel    expire    requeue   back_off
pending   queued    running   ·         ·         cancelled timeout   ·         ·
queued    ·         running   ·         failed    cancelled timeout   ·         pending
running   ·         ·         completed failed    cancelled timeout   queued    pending
completed ·         ·         ·         ·         ·         ·         ·         ·
failed    ·         ·         ·         ·         ·         ·         ·         ·
cancelled ·         ·         ·         ·         ·         ·         ·         ·
timeout   ·         ·         ·         ·         ·         ·         ·         ·
`)
})

test('no verb is missing from the picture', () => {
  const known = new Set(Object.values(JOB_LIFE).flatMap((edges) => Object.keys(edges)))
  expect([...known].toSorted()).toEqual([...VERBS].toSorted())
})
