import { nodePlatform } from '../adapters/node/platform.ts'
import { type Effects, newEffects, type Turn } from '../core/turn.ts'
import type { Event } from '../core/events/index.ts'
import type { DefinitionHash, JsonText, ReplyId, WorkflowId } from '../core/base/ids.ts'
import { isOffered, type JobRow } from '../core/records/job.ts'
import { DEFAULTS } from '../core/settings.ts'
import { load } from '../core/load.ts'
import { step } from '../core/step.ts'
import { join, NO_ROWS, say, START, submit } from '../tests/core/bench.ts'
import { NOTHING_PREFETCHED } from '../core/prefetch.ts'

/** Turns as the core makes them when jobs come and go at the same pace: what a store has to write in earnest. */
export interface Lifelike {
  /** The turns that must be in the store before. */
  readonly before: readonly Effects[]
  readonly turns: readonly Effects[]
}

const WORKFLOW = 'w1' as WorkflowId
const ROBOTS = 8
const SLOTS = 500
const DEFINITION = { hash: 'd'.repeat(64) as DefinitionHash, json: JSON.stringify({ nodes: {}, connections: [] }) }
const PARAMETERS = JSON.stringify({ name: 'Ada' }) as JsonText

/**
 * `count` turns with `rows` job rows each: one half submitted and offered at once, the other half accepted and
 * completed. Every job is thus written twice, and leaves four entries of history.
 */
export function lifelike(rows: number, count: number): Lifelike {
  const state = load(NO_ROWS, START, 1, { ...DEFAULTS, robotsAuth: 'open' })
  const open: JobRow[] = []
  let now = START
  let number = 0
  // Ids as the product makes them: whether they come in order matters to every index.
  const { rowId } = nodePlatform()
  const take = (events: readonly Event[]): Effects => {
    const turn: Turn = { now: ++now, prefetched: NOTHING_PREFETCHED, out: newEffects(++number, now), facts: [] }
    for (const event of events) step(state, event, turn)
    open.push(...[...turn.out.rows.jobs.values()].filter(isOffered))
    return turn.out
  }
  const order = (): Event => {
    const id = rowId()
    return submit(id, { workflow: WORKFLOW, parameters: PARAMETERS, by: 'admin', reply: id as ReplyId })
  }
  const end = (job: JobRow): readonly Event[] => {
    const about = { job_id: job.id, offer: job.offer }
    return [
      say(job.robot_id ?? '', 'job_accept', about),
      say(job.robot_id ?? '', 'job_complete', { ...about, result: { ok: true }, duration_ms: 1 }),
    ]
  }
  const before = [take([
    ...published(),
    ...Array.from({ length: ROBOTS }, (_, i) => join(`robot-${i}`, { slots: SLOTS })).flat(),
    ...Array.from({ length: rows }, order),
  ])]
  const turns = Array.from({ length: count }, (_, i) => {
    const ends = i % 2 === 0 ? Math.ceil(rows / 2) : Math.floor(rows / 2)
    return take([...open.splice(0, ends).flatMap(end), ...Array.from({ length: rows - ends }, order)])
  })
  return { before, turns }
}

function published(): readonly Event[] {
  return [
    {
      type: 'workflow.saved',
      reply: 'saved' as ReplyId,
      workflow: WORKFLOW,
      mode: 'create',
      by: 'admin',
      name: 'Workflow',
      description: '',
      tags: [],
      max_concurrent: null,
      definition: DEFINITION,
    },
    { type: 'workflow.published', reply: 'published' as ReplyId, workflow: WORKFLOW },
  ]
}
