import { describe, expect, test } from 'vitest'
import { pump } from '../../adapters/pump.ts'
import type { Shell } from '../../adapters/shell.ts'
import { type Effects, type Need, NOTHING_FOUND, type Send } from '../../core/effects.ts'
import { Receipt } from '../../core/receipt.ts'
import { DEFAULTS } from '../../core/limits.ts'
import { load } from '../../core/load.ts'
import { complete, ids, job as rowOf, join, NO_ROWS, running, spoken, START, submit } from '../core/rows.ts'

/** A shell whose commits end when the test says so. */
function heldShell(settings = {}) {
  const state = load(NO_ROWS, START, 1, { ...DEFAULTS, robotsAuth: 'open', ...settings })
  const commits: { readonly out: Effects; resolve(): void; reject(error: Error): void }[] = []
  const said: Send[] = []
  const called: string[] = []
  const failures: unknown[] = []
  const asked: Need[] = []
  const shell: Shell = {
    now: () => START,
    find: (wanted) => {
      asked.push(wanted)
      return Promise.resolve(NOTHING_FOUND)
    },
    commit: (out) =>
      new Promise((resolve, reject) => {
        commits.push({ out, reject, resolve: () => resolve(new Receipt(out.turn)) })
      }),
    call: ({ delivery }) => void called.push(delivery),
    deliver: (send) => void said.push(send),
    wake: () => {},
    soon: (run) => void Promise.resolve().then(run),
    failed: (error) => void failures.push(error),
  }
  return { pump: pump(state, shell), state, commits, said, called, failures, asked }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('one turn', () => {
  test('[P30] nothing is said before its turn is durable', async () => {
    const held = heldShell()
    for (const event of [...join('r1'), submit('j1')]) held.pump.push(event)
    await settled()
    expect(held.commits).toHaveLength(1)
    expect(held.said).toEqual([])
    held.commits[0]?.resolve()
    await settled()
    expect(spoken(held.said)).toEqual([
      'socket-r1 register_ack true',
      'socket-r1 status_request',
      'socket-r1 job_assign j1#1',
    ])
  })

  test('a webhook that is deleted in the turn in which something happens is not told of it', async () => {
    const held = heldShell()
    held.pump.push({
      type: 'webhook.saved',
      reply: ids.reply('w'),
      webhook: 'w1' as never,
      mode: 'create',
      by: 'tester',
      url: 'https://example.com/',
      description: '',
      events: ['job.*'],
      workflow: null,
      secret: 'whsec_x',
    })
    await settled()
    held.commits[0]?.resolve()
    await settled()
    held.pump.push(submit('j1'))
    held.pump.push({ type: 'webhook.deleted', reply: ids.reply('d'), webhook: 'w1' as never, by: 'tester' })
    await settled()
    held.commits[1]?.resolve()
    await settled()
    expect(held.commits[1]?.out.rows.deliveries.size).toBe(0)
    expect(held.called).toEqual([])
  })

  test('[P30] what a turn that failed would have said is never said, and nothing more is done', async () => {
    const held = heldShell()
    held.pump.push(submit('j1'))
    await settled()
    held.commits[0]?.reject(new Error('disk full'))
    await settled()
    held.pump.push(submit('j2'))
    await settled()
    expect(held.said).toEqual([])
    expect(held.commits).toHaveLength(1)
    expect(held.failures).toEqual([new Error('disk full')])
  })

  test('what arrives while a commit is under way shares the next one', async () => {
    const held = heldShell()
    held.pump.push(submit('j1'))
    await settled()
    for (const id of ['j2', 'j3', 'j4']) held.pump.push(submit(id))
    await settled()
    expect(held.commits).toHaveLength(1)
    held.commits[0]?.resolve()
    await settled()
    expect([...held.commits[1]?.out.rows.jobs.keys() ?? []]).toEqual(['j2', 'j3', 'j4'])
    held.commits[1]?.resolve()
    await held.pump.idle()
    expect(held.said).toHaveLength(4)
  })

  test('a job outside memory is asked for before the step, one inside is not', async () => {
    const held = heldShell()
    for (const event of [...join('r1'), submit('j1')]) held.pump.push(event)
    await settled()
    held.commits[0]?.resolve()
    await settled()
    held.pump.push(complete('r1', 'j1'))
    held.pump.push(complete('r1', 'long-ago'))
    await settled()
    expect(held.asked).toMatchObject([{ jobs: [ids.job('long-ago')] }])
  })

  test('a robot that repeats a result within the turn that took it is not told of an unknown job', () => {
    const fleet = running()
    expect(spoken(fleet.turn(complete('r1', 'j1', { n: 1 }), complete('r1', 'j1', { n: 1 })))).toEqual([])
    expect(rowOf(fleet, 'j1').status).toBe('completed')
  })
})
