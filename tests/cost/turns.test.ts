import { describe } from 'vitest'
import { UNLIMITED } from '../../core/settings.ts'
import type { RobotMessage } from '../../core/protocol/message.ts'
import { bench, complete, join, say, submit } from '../core/bench.ts'
import { growing } from './cost.ts'

/** Turns with long lists and many lines, as many as fit into a frame. */

/** A fleet in which a robot works on a job, and others wait. */
function atWork() {
  const fleet = bench(UNLIMITED)
  fleet.turn(...join('r1', { slots: 5 }), submit('j1'))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
  for (let i = 0; i < 50; i++) fleet.turn(submit(`w${i}`, { required_tags: ['none'] }))
  return fleet
}

const SAID: readonly (readonly [string, RobotMessage['type'], (chars: number) => object])[] = [
  ['a heartbeat with jobs', 'heartbeat', (chars) => ({ active_job_ids: ids(chars) })],
  [
    'a heartbeat with one job again and again',
    'heartbeat',
    (chars) => ({ active_job_ids: ids(chars).map(() => 'j1') }),
  ],
  ['an answer about jobs', 'status_response', (chars) => ({ status: 'online', active_job_ids: ids(chars) })],
  ['a line', 'log_entry', (chars) => ({ job_id: 'j1', level: 'INFO', message: 'x\\n'.repeat(chars / 2) })],
  ['lines', 'log_batch', (chars) => ({
    job_id: 'j1',
    entries: ids(chars / 8).map((message) => ({ level: 'INFO', message, node_id: '', extra: { a: message } })),
  })],
  ['lines without text', 'log_batch', (chars) => ({ job_id: 'j1', entries: ids(chars).map(() => null) })],
  ['progress', 'job_progress', (chars) => ({ job_id: 'j1', progress: 5, message: '\u0301'.repeat(chars) })],
  [
    'a failure',
    'job_failed',
    (chars) => ({ job_id: 'j1', error_message: '\u0301'.repeat(chars), stack_trace: 'x\n'.repeat(chars / 2) }),
  ],
]

function ids(chars: number): string[] {
  return Array.from({ length: chars / 10 }, (_, i) => `id${i}`)
}

describe('a turn', () => {
  for (const [name, type, payload] of SAID) {
    growing(name, (chars) => say('r1', type, payload(chars)), (event) => atWork().turn(event), { to: 1 << 18 })
  }
  growing('a result', (chars) => complete('r1', 'j1', ids(chars)), (event) => atWork().turn(event))
})
