import { expect, test } from 'vitest'
import { JOB_STATUSES, JOB_TRANSITIONS, type JobTransition, nextStatus } from '../../core/records/job.ts'

const VERBS: readonly JobTransition[] = [
  'ready',
  'accept',
  'complete',
  'fail',
  'cancel',
  'expire',
  'requeue',
  'back_off',
]

test('every cell of the life table', () => {
  const width = 10
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padEnd(width)).join('').trimEnd()
  const drawn = [
    row(['', ...VERBS]),
    ...JOB_STATUSES.map((status) => row([status, ...VERBS.map((verb) => nextStatus(status, verb) ?? '·')])),
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
  const known = new Set(Object.values(JOB_TRANSITIONS).flatMap((edges) => Object.keys(edges)))
  expect([...known].toSorted()).toEqual([...VERBS].toSorted())
})
