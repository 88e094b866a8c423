import { setTimeout as pause } from 'node:timers/promises'
import { Asker, pour } from './sockets.ts'
import { textFrame } from '../wire/flood.ts'
import { type Flood, inParallel } from './strangers.ts'
import { Partner } from './partner.ts'

/** Floods by people with a key, who keep within what they may. */

const JSON_TYPE = { 'Content-Type': 'application/json' }

/** 1 MB of JSON, so deep that nothing is cut off. */
const DEPTH = 50
const deepPayload = (): string => {
  let value = `[${'{"a":1,"b":[1,2]},'.repeat(40_000)}0]`
  for (let i = 0; i < DEPTH; i++) value = `{"a":${value}}`
  return `{"event_type":"deep","data":${value}}`
}

const MAPPINGS: readonly Readonly<Record<string, string>>[] = [
  Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`m${i}`, '$..a'])),
  { all: '$..*..*..*', more: '$..a..a..a..b' },
  { pairs: '$..[?@.a == 1].b' },
]
const FILTERS: readonly string[] = [
  'count(@..*..*..*) > 5',
  '@..a..a..a..a == 1',
  'match(@.payload.text, "(a*)*(a*)*(a*)*b")',
]
const GLOBS: readonly string[] = [
  '*-*-*.pdf',
  '**/*-*-*-*-*/**/*.pdf',
  '*a*a*a*a*a*a*b',
  '+(+(-|--))x',
  '{-,--}{-,--}{-,--}x',
]

export const INSIDERS: readonly Flood[] = [
  {
    name: 'paths',
    what: 'webhooks with hostile mappings and filters, and a payload of 1 MB',
    async run(ground, tally, signal) {
      const asker = new Asker(ground, tally)
      const partner = new Partner(ground, asker)
      const triggers: string[] = []
      const workflow = await partner.workflow('paths')
      for (const more of [...MAPPINGS.map((mapping) => ({ mapping })), ...FILTERS.map((filter) => ({ filter }))]) {
        for (let i = 0; i < 3; i++) {
          const made = await partner.trigger({ workflow_id: workflow, trigger_type: 'webhook', auth: 'none', ...more })
          if (made === null) tally.note('refused when set', 1)
          else triggers.push(made)
        }
      }
      let next = 0
      const deep = deepPayload()
      const wide = `{"event_type":"wide","data":{"text":"${'a'.repeat(1_900)}"}}`
      await inParallel(4, signal, async () => {
        if (triggers.length === 0) return void await pause(100)
        const body = next % 2 === 0 ? deep : wide
        await asker.ask('POST', `/webhook/${triggers[next++ % triggers.length]}`, { headers: JSON_TYPE, body })
      })
      asker.close()
    },
  },
  {
    name: 'globs',
    what: 'patterns of stars, and reported paths of 4,000 hyphens',
    async run(ground, tally, signal) {
      const asker = new Asker(ground, tally)
      const partner = new Partner(ground, asker)
      const workflow = await partner.workflow('globs')
      const triggers: string[] = []
      for (const pattern of GLOBS) {
        const config = { reported: true, patterns: [pattern] }
        const made = await partner.trigger({ workflow_id: workflow, trigger_type: 'file_watch', config })
        if (made === null) tally.note('refused when set', 1)
        else triggers.push(made)
      }
      const path = (letter: string) => ({ file_path: `/${letter.repeat(4_000)}`, event_type: 'created' })
      const body = JSON.stringify({ events: Array.from({ length: 100 }, (_, i) => path('-a'[i % 2] ?? '-')) })
      const headers = { ...JSON_TYPE, Authorization: `Bearer ${await partner.keyWith('jobs:submit')}` }
      let next = 0
      await inParallel(4, signal, async () => {
        if (triggers.length === 0) return void await pause(100)
        const trigger = triggers[next++ % triggers.length]
        await asker.ask('POST', `/api/v1/triggers/${trigger}/file-events`, { headers, body })
      })
      asker.close()
    },
  },
  {
    name: 'robot',
    what: 'a robot that logs, reports progress and speaks of jobs that it never had, with ids as long as will go',
    async run(ground, tally, signal) {
      const asker = new Asker(ground, tally)
      const robot = await new Partner(ground, asker).robot('loud', 1, tally)
      if (robot === null) return asker.close()
      const workflow = await robot.partner.workflow('loud')
      const taken = robot.takes()
      await robot.partner.submit({ workflow_id: workflow, robot_id: 'loud' })
      const job = await taken
      const long = 'l'.repeat(300_000)
      const entry = { timestamp: '', level: 'INFO', message: long.slice(0, 20_000), node_id: long.slice(0, 20_000) }
      const words: readonly object[] = [
        { type: 'log_batch', id: long, payload: { job_id: job, entries: Array.from({ length: 20 }, () => entry) } },
        { type: 'log_entry', id: long, payload: { job_id: job, ...entry, message: long } },
        { type: 'job_progress', id: long, payload: { job_id: job, progress: 1, message: long, current_node: long } },
        { type: 'job_failed', id: long, payload: { job_id: long, error_message: long } },
        { type: 'job_reject', id: 'a', payload: { job_id: 'never', reason: long } },
        { type: 'heartbeat', id: long, payload: { robot_id: 'loud', status: 'idle', metrics: { [long]: long } } },
        { type: 'status_response', id: long, payload: { robot_id: 'loud', status: long } },
      ]
      let next = 0
      while (!signal.aborted && !robot.socket.destroyed) {
        const word = JSON.stringify({ timestamp: '', ...words[next++ % words.length] })
        await pour(robot.socket, textFrame(word), signal)
        tally.sent++
        // Just under what it may send in a second.
        await pause(word.length / 8_000)
      }
      robot.socket.destroy()
      asker.close()
    },
  },
  {
    name: 'chains',
    what: 'ten triggers on the end of their own workflow, and a robot that ends each job at once',
    async run(ground, tally, signal) {
      const asker = new Asker(ground, tally)
      const robot = await new Partner(ground, asker).robot('chains', 100, tally)
      if (robot === null) return asker.close()
      const { partner } = robot
      const workflow = await partner.workflow('chains')
      for (let i = 0; i < 10; i++) {
        const config = { after: { workflows: [workflow] } }
        const made = await partner.trigger({ workflow_id: workflow, trigger_type: 'workflow_call', config })
        if (made === null) tally.note('refused when set', 1)
      }
      robot.completeAll((jobs) => tally.note('jobs', jobs))
      await partner.submit({ workflow_id: workflow, robot_id: 'chains' })
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      robot.socket.destroy()
      asker.close()
    },
  },
]
