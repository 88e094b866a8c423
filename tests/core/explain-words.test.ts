import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explain } from '../../core/explain/explain.ts'
import type { DefinitionHash } from '../../core/base/ids.ts'
import { noSuitableRobot, workflowWarnings } from '../../core/explain/unsuited.ts'
import { type Bench, bench, closed, ids, job, join, say, submit } from './bench.ts'
import { perform, stories } from './stories.ts'

/** Explanations: every state of a job and of the robots that could run it has a sentence with the cause. */

const summary = (fleet: Bench, id = 'j'): string => explain(fleet.state, job(fleet, id), fleet.now).summary

const control = (verb: 'pause' | 'shutdown') =>
  ({ type: 'control.requested', reply: ids.reply(verb), robot: ids.robot('r'), control: verb, graceful: true }) as const

/** States of the robot r, which has one slot. */
const ROBOTS: Readonly<Record<string, (fleet: Bench) => void>> = {
  free: () => {},
  busy: (fleet) => void fleet.turn(submit('own', { robot: ids.robot('r') }), say('r', 'job_accept', { job_id: 'own' })),
  away: (fleet) => void fleet.turn(closed('socket-r')),
  paused: (fleet) => void fleet.turn(control('pause')),
  'told to shut down': (fleet) => void fleet.turn(control('shutdown')),
  'calling itself paused': (fleet) => void fleet.turn(say('r', 'heartbeat', { status: 'paused' })),
  'behind with an answer': (fleet) => {
    fleet.turn(submit('unread', { robot: ids.robot('r') }))
    fleet.pass(16_000)
  },
  silent: (fleet) => {
    ROBOTS['busy']?.(fleet)
    fleet.pass(61_000)
  },
}

describe('a job that waits', () => {
  test.each([
    ['busy', 'r can run it, and has no free slot.'],
    ['away', 'r can run it, and is not connected.'],
    ['paused', 'r can run it, and is paused, or was asked to shut down.'],
    ['told to shut down', 'r can run it, and is paused, or was asked to shut down.'],
    ['calling itself paused', 'r can run it, and says that it takes no jobs.'],
    ['silent', 'r can run it, and has no free slot.'],
    ['behind with an answer', 'r can run it, and has not answered another offer.'],
  ])('for a robot that is %s', (robot, words) => {
    const fleet = bench()
    fleet.turn(...join('r'))
    ROBOTS[robot]?.(fleet)
    fleet.turn(submit('j'))
    expect(summary(fleet)).toBe(words)
  })

  test('says first what its robots lack, then its place in line, however far back it is', () => {
    const fleet = bench()
    fleet.turn(...join('r'), ...join('s'), submit('a'), submit('b'))
    const summaries = [1, 2, 3, 4].map((n) => {
      fleet.turn(submit(`j${n}`))
      return summary(fleet, `j${n}`)
    })
    expect(summaries).toEqual([
      '2 robots can run it, and all have no free slot.',
      '2 robots can run it, and all have no free slot. 1 job has waited longer, and goes first.',
      '2 robots can run it, and all have no free slot. 2 jobs have waited longer, and go first.',
      '2 robots can run it, and all have no free slot. 3 jobs have waited longer, and go first.',
    ])
    fleet.turn(submit('urgent', { priority: 3 }), submit('j'))
    expect(summary(fleet)).toMatch(/1 job of higher priority goes first\. 4 jobs have waited longer, and go first\.$/)
  })

  test('for robots of which each has its own reason', () => {
    const fleet = bench()
    for (const robot of ['r', 's', 't', 'u']) fleet.turn(...join(robot, { tags: robot === 'u' ? [] : ['x'] }))
    ROBOTS['paused']?.(fleet)
    fleet.turn(closed('socket-s'), submit('a', { robot: ids.robot('t') }), submit('j', { required_tags: ['x'] }))
    const words = '1 is paused, or was asked to shut down, 1 is not connected, 1 has no free slot'
    expect(summary(fleet)).toBe(`3 of 4 robots can run it: ${words}.`)
  })

  test('while the orchestrator shuts down', () => {
    const fleet = bench()
    fleet.turn(...join('r', { slots: 1 }), submit('a'), submit('j'), { type: 'drain' })
    expect(summary(fleet)).toBe('The orchestrator is shutting down, and offers no more jobs.')
  })
})

describe('a job that no known robot can run', () => {
  const own = {
    id: ids.workflow('w'),
    name: 'W',
    definition: { hash: 'o' as DefinitionHash, json: '{"format":"own"}' },
  }
  const nodes = '{"nodes":{"a":{"node_type":"A"},"b":{"node_type":"B"}}}'
  const graph = { id: ids.workflow('g'), name: 'G', definition: { hash: 'g' as DefinitionHash, json: nodes } }
  const pool = { type: 'pool.saved', reply: ids.reply('p'), name: 'finance', tags: ['a', 'b'] } as const
  test.each<[string, Parameters<typeof join>[1], Parameters<typeof submit>[1], string]>([
    ['a tag', {}, { required_tags: ['sap'] }, 'No known robot has the tag sap'],
    [
      'two things',
      {},
      { required_tags: ['sap'], required_capabilities: ['excel'] },
      'No known robot has the tag sap, and none has the capability excel',
    ],
    ['an environment', { environment: 'test' }, { environment: 'prod' }, 'No known robot serves the environment prod'],
    ['a robot', {}, { robot: ids.robot('ghost') }, 'It is for the robot ghost, which has never registered'],
    [
      'a robot that cannot',
      {},
      { robot: ids.robot('r'), required_tags: ['x'] },
      'It is for the robot r alone, and needs one that has the tag x',
    ],
    ['a format', { capabilities: { formats: ['other'] } }, { workflow: own }, 'No known robot runs the format own'],
    ['a workflow', { capabilities: { workflows: ['v'] } }, { workflow: own }, 'No known robot runs the workflow w'],
    ['node types', { capabilities: { node_types: ['A'] } }, { workflow: graph }, 'No known robot runs the node type B'],
    ['a pool', { tags: ['a'] }, { pool: 'finance' }, 'No known robot is in the pool finance (tags a, b)'],
    [
      'what two robots have',
      { tags: ['x'], environment: 'test' },
      { required_tags: ['x'], environment: 'prod' },
      'No known robot does all of it: serves the environment prod, has the tag x',
    ],
  ])('for lack of %s', (_, robot, asked, words) => {
    const fleet = bench()
    fleet.turn({ ...pool, max_concurrent: null, workflows: [] })
    fleet.turn(...join('r', robot))
    if (words.includes('all of it')) fleet.turn(...join('s', { environment: 'prod' }))
    // Connected or not: no robot has the job.
    for (const away of [false, true]) {
      if (away) fleet.turn(closed('socket-r'))
      fleet.turn(submit(`j${away}`, asked))
      expect(summary(fleet, `j${away}`)).toBe(`${words}.`)
      expect(noSuitableRobot(fleet.state, job(fleet, `j${away}`))).toMatchObject({
        code: 'NO_SUITABLE_ROBOT',
        message: words,
      })
    }
  })

  test('says so too while it waits for its time', () => {
    const fleet = bench()
    fleet.turn(...join('r'), submit('j', { scheduled_time: fleet.now + 1_000, required_tags: ['x'] }))
    expect(summary(fleet)).toBe('Its time has not come. No known robot has the tag x.')
  })

  test('or no robot at all', () => {
    const fleet = bench()
    fleet.turn(submit('j'))
    expect(summary(fleet)).toBe('No robot has ever registered.')
  })
})

describe('a workflow that is published', () => {
  const published = (json: string, robots: Readonly<Record<string, object>>, reference = ['LogNode', 'IfNode']) => {
    const fleet = bench()
    for (const [id, capabilities] of Object.entries(robots)) {
      fleet.turn(...join(id, { capabilities: { ...capabilities } }))
    }
    const workflow = ids.workflow('w')
    fleet.turn({
      type: 'workflow.saved',
      reply: ids.reply('s'),
      workflow,
      mode: 'create',
      by: 'a',
      name: 'W',
      description: '',
      tags: [],
      max_concurrent: null,
      definition: { hash: json as DefinitionHash, json },
    }, { type: 'workflow.published', reply: ids.reply('p'), workflow })
    const row = fleet.state.workflows.get(workflow)
    if (row === undefined) throw new Error('there is no workflow')
    return workflowWarnings(fleet.state, row, reference)
  }
  const of = (...types: readonly string[]): string =>
    JSON.stringify({ nodes: Object.fromEntries(types.map((node_type, at) => [`n${at}`, { node_type }])) })

  test.each<[string, string, Readonly<Record<string, object>>, string | null, object]>([
    ['the reference robot runs', of('log', 'IfNode'), {}, null, {}],
    ['one robot runs', of('Log', 'Sap'), { r: { node_types: ['log', 'SapNode'] } }, null, {}],
    ['one robot has a handler for', '{"format":"own"}', { r: { workflows: ['w'] } }, null, {}],
    ['one robot knows the format of', '{"format":"own"}', { r: { formats: ['own'] } }, null, {}],
    ['nobody runs', of('Sap', 'Log', 'FaxNode'), {}, 'No known robot runs the node types FaxNode, Sap', {
      node_types: { Sap: [], FaxNode: [] },
    }],
    [
      'two robots run by halves',
      of('Sap', 'Fax'),
      { r: { node_types: ['Sap'] }, s: { node_types: ['Fax', 'Log'] }, t: { node_types: ['fax'] } },
      'No known robot runs all the node types; Fax is known to s, t only, Sap is known to r only',
      { node_types: { Sap: ['r'], Fax: ['s', 't'] } },
    ],
    [
      'nobody runs in full',
      of('Sap', 'Fax'),
      { r: { node_types: ['Sap'] } },
      'No known robot runs the node type Fax; Sap is known to r only',
      { node_types: { Sap: ['r'], Fax: [] } },
    ],
    [
      'a silent robot may run',
      of('Sap'),
      { r: {}, s: {} },
      'No known robot runs the node type Sap. 2 robots do not say what they run, and are offered it',
      { node_types: { Sap: [] } },
    ],
    [
      'is of a format that nobody knows',
      '{"format":"own"}',
      { r: { formats: ['other'], workflows: ['v'] } },
      'No known robot says that it runs the format own or the workflow w',
      { format: 'own' },
    ],
  ])('that %s', (_, json, robots, message, details) => {
    expect(published(json, robots)).toEqual(message === null ? [] : [{ code: 'ROBOT_CANNOT_RUN', message, details }])
  })
})

describe('a job that a robot has', () => {
  const OFFERED = 'Offered to r at 2026-01-05T09:00:00.000Z'
  test.each([
    ['free', `${OFFERED}, which has not answered yet.`, 'It is running on r.'],
    ['paused', `${OFFERED}, which has not answered yet.`, 'It is running on r.'],
    ['calling itself paused', `${OFFERED}, which has not answered yet.`, 'It is running on r.'],
    [
      'away',
      `${OFFERED}, which is not connected.`,
      'It is running on r, which has been away since 2026-01-05T09:00:00.000Z.',
    ],
  ])('on a robot that is %s', (robot, offered, running) => {
    for (const [words, accepts] of [[offered, false], [running, true]] as const) {
      const fleet = bench()
      fleet.turn(...join('r'), submit('j'))
      if (accepts) fleet.turn(say('r', 'job_accept', { job_id: 'j' }))
      ROBOTS[robot]?.(fleet)
      expect(summary(fleet)).toBe(words)
    }
  })

  test('that has not been heard from', () => {
    const fleet = bench()
    fleet.turn(...join('r'), submit('j'), say('r', 'job_accept', { job_id: 'j' }))
    fleet.pass(61_000)
    expect(summary(fleet)).toBe('It is running on r, which has not sent anything for a while.')
  })

  test('that has not answered in time', () => {
    const fleet = bench()
    fleet.turn(...join('r'), submit('j'))
    fleet.pass(16_000)
    expect(summary(fleet)).toMatch(/^Offered to r at .*Z\. r has not answered, and may have started the job: it waits/)
  })
})

describe('a job that has ended', () => {
  test('says how', () => {
    const fleet = bench()
    fleet.turn(...join('r'), submit('j'), say('r', 'job_failed', { job_id: 'j', error_message: 'no paper' }))
    expect(summary(fleet)).toBe('It has ended, and is failed: no paper.')
  })
})

test('whatever happened, a job that waits says what for, and never in codes', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(stories, (story) => {
      const fleet = bench()
      let n = 0
      for (const step of story) perform(fleet, step, () => `j${++n}`)
      for (const row of fleet.state.jobs.values()) {
        const explanation = explain(fleet.state, row, fleet.now)
        expect(explanation.summary).toMatch(/^[A-Za-z0-9].*\.$/)
        expect(explanation.summary).not.toMatch(/[A-Z]{3,}_|undefined|null|about to run/)
        for (const { message } of explanation.blockers) expect(message).not.toMatch(/[A-Z]{3,}_|undefined|null/)
        for (const { code } of explanation.blockers) seen.add(code)
        const hopeless = explanation.blockers.some(({ code }) => code === 'NO_SUITABLE_ROBOT' || code === 'NO_ROBOTS')
        const suited = explanation.robots.some(({ codes }) => !codes.some((code) => LASTING.includes(code)))
        if (row.status === 'queued' && row.robot_id === null) expect(hopeless).toBe(!suited)
      }
    }),
    // Always the same stories, for the next assertion is about what they reach.
    { numRuns: 1_000, seed: 1 },
  )
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'NO_SUITABLE_ROBOT',
      'ROBOT_CANNOT_RUN',
      'QUEUED_BEHIND',
      'LOWER_PRIORITY',
      'ROBOT_OFFLINE',
    ]),
  )
})

const LASTING: readonly string[] = [
  'ROBOT_PINNED_OTHER',
  'ROBOT_ENV_MISMATCH',
  'ROBOT_TAG_MISSING',
  'ROBOT_CANNOT_RUN',
]
