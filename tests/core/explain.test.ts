import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { explain } from '../../core/explain/explain.ts'
import { isBlocked, isOffered, isWaiting } from '../../core/records/job.ts'
import { beat, type Bench, bench, DEFINITION, ids, job, join, say, submit } from './bench.ts'
import { perform, type Step, stories } from './stories.ts'
import type { Suggestion } from '../../core/records/explanation.ts'

const workflow = (maxConcurrent: number | null, mode: 'create' | 'update'): readonly Event[] => [
  {
    type: 'workflow.saved',
    reply: ids.reply('w'),
    workflow: ids.workflow('w'),
    mode,
    by: 'tester',
    name: 'w',
    description: '',
    tags: [],
    max_concurrent: maxConcurrent,
    definition: DEFINITION,
  },
  { type: 'workflow.published', reply: ids.reply('p'), workflow: ids.workflow('w') },
]

const why = (fleet: Bench, id: string) => {
  const row = fleet.state.jobs.get(ids.job(id))
  if (row === undefined) throw new Error(`${id} is not in memory`)
  return explain(fleet.state, row, fleet.now)
}
const codes = (fleet: Bench, id: string) => why(fleet, id).blockers.map(({ code }) => code)

describe('why a job is not running', () => {
  test.each<[string, (fleet: Bench) => void, string[]]>([
    ['nobody is there', (fleet) => void fleet.turn(submit('j')), ['NO_ROBOTS']],
    ['its time has not come', (fleet) => void fleet.turn(submit('j', { scheduled_time: fleet.now + 1 })), [
      'NOT_DUE',
      'NO_ROBOTS',
    ]],
    ['a tag is missing', (fleet) => void fleet.turn(...join('r'), submit('j', { required_tags: ['x'] })), [
      'NO_SUITABLE_ROBOT',
      'ROBOT_TAG_MISSING',
    ]],
    [
      'a capability is missing',
      (fleet) => void fleet.turn(...join('r'), submit('j', { required_capabilities: ['x'] })),
      ['NO_SUITABLE_ROBOT', 'ROBOT_CAPABILITY_MISSING'],
    ],
    [
      'it is made of what the robot does not run',
      (fleet) => void fleet.turn(...join('r', { capabilities: { formats: ['own'] } }), submit('j')),
      ['NO_SUITABLE_ROBOT', 'ROBOT_CANNOT_RUN'],
    ],
    [
      'the environment is another',
      (fleet) => void fleet.turn(...join('r', { environment: 'a' }), submit('j', { environment: 'b' })),
      ['NO_SUITABLE_ROBOT', 'ROBOT_ENV_MISMATCH'],
    ],
    ['it is for another robot', (fleet) => void fleet.turn(...join('r'), submit('j', { robot: ids.robot('s') })), [
      'NO_SUITABLE_ROBOT',
      'ROBOT_PINNED_OTHER',
    ]],
    ['the slots are full', (fleet) => void fleet.turn(...join('r'), submit('a'), submit('j')), ['ROBOT_AT_CAPACITY']],
    ['others go first', (fleet) => {
      fleet.turn(...join('r'), submit('a'), submit('b'), submit('c', { priority: 2 }), submit('j'))
    }, ['ROBOT_AT_CAPACITY', 'LOWER_PRIORITY', 'QUEUED_BEHIND']],
    ['others wait that go to no robot of its own', (fleet) => {
      fleet.turn(...join('r', { tags: ['x'] }), ...join('s'), submit('a'), submit('b'))
      fleet.turn(submit('no', { required_tags: ['nobody'] }), submit('j', { required_tags: ['x'] }))
    }, ['ROBOT_AT_CAPACITY', 'ROBOT_TAG_MISSING']],
    ['the robot has not answered', (fleet) => void fleet.turn(...join('r'), submit('j')), ['AWAITING_ACCEPT']],
    [
      'the robot has just refused',
      (fleet) => {
        fleet.turn(...join('r'), submit('j'), say('r', 'job_reject', { job_id: 'j' }))
        fleet.pass(6_000)
      },
      ['ROBOT_REJECTED_RECENTLY', 'ROBOT_AWAITING_REPORT'],
    ],
    [
      'it waits for its back-off',
      (fleet) => void fleet.turn(...join('r'), submit('j'), say('r', 'job_reject', { job_id: 'j' })),
      ['RETRY_BACKOFF'],
    ],
    ['the robot is paused', (fleet) => {
      const pause = {
        type: 'control.requested',
        reply: ids.reply('x'),
        robot: ids.robot('r'),
        control: 'pause',
      } as const
      fleet.turn(...join('r'), { ...pause, graceful: true }, submit('j'))
    }, ['ROBOT_PAUSED']],
    ['the robot says it is paused', (fleet) => {
      fleet.turn(...join('r'), say('r', 'heartbeat', { status: 'paused' }), submit('j'))
    }, ['ROBOT_MAINTENANCE']],
    ['the robot says it is offline', (fleet) => {
      fleet.turn(...join('r'), say('r', 'heartbeat', { status: 'offline' }), submit('j'))
    }, ['ROBOT_SAYS_OFFLINE']],
    ['the robot is busy with other work', (fleet) => {
      fleet.turn(...join('r', { slots: 2 }), say('r', 'heartbeat', { status: 'busy', current_jobs: 2 }), submit('j'))
    }, ['ROBOT_BUSY_ELSEWHERE']],
    ['the robot is away', (fleet) => {
      fleet.turn(...join('r'), { type: 'socket.closed', socket: ids.socket('socket-r') }, submit('j'))
    }, ['ROBOT_OFFLINE']],
    ['the robot has not been heard of', (fleet) => {
      fleet.turn(...join('r'), submit('a'), say('r', 'job_accept', { job_id: 'a' }), submit('j'))
      fleet.pass(61_000)
    }, ['ROBOT_SUSPECT', 'ROBOT_AT_CAPACITY']],
    ['another with the same key is under way', (fleet) => {
      fleet.turn(submit('a', { concurrency_key: 'k' }), submit('j', { concurrency_key: 'k' }))
    }, ['KEY_CONCURRENCY', 'NO_ROBOTS']],
    ['the workflow runs as often as it may', (fleet) => {
      const run = { workflow: ids.workflow('w') }
      fleet.turn(...workflow(1, 'create'), ...join('r'), submit('a', run), submit('j', run))
    }, ['WORKFLOW_CONCURRENCY']],
    ['it has waited nearly as long as it may', (fleet) => {
      fleet.turn(submit('j'))
      fleet.pass(6.5 * 24 * 3_600_000)
    }, ['NO_ROBOTS', 'QUEUE_TTL_NEAR']],
  ])('%s', (_name, prepare, expected) => {
    const fleet = bench()
    prepare(fleet)
    expect(codes(fleet, 'j')).toEqual(expected)
  })

  test('where it stands, and when it will count for more', () => {
    const fleet = bench()
    fleet.turn(submit('a', { priority: 3 }), submit('b', { priority: 0 }), submit('c'), submit('j'))
    fleet.now += 600_000
    expect(why(fleet, 'j').queue).toEqual({
      position: 3,
      ahead_by_priority: [0, 1, 0, 1],
      effective_priority: 2,
      aging_at: fleet.now + 600_000,
    })
  })

  test('many robots are summed up', () => {
    const fleet = bench()
    for (let i = 0; i < 200; i++) fleet.turn(...join(`r${i}`))
    fleet.turn(submit('j', { required_tags: ['x'] }))
    const explanation = why(fleet, 'j')
    expect(explanation).toMatchObject({ eligible: false, robots_omitted: 150 })
    expect(explanation.blockers).toEqual([
      { code: 'NO_SUITABLE_ROBOT', message: 'No known robot has the tag x' },
      { code: 'ROBOT_TAG_MISSING', count: 200, message: '200 of 200 robots lack the tag x' },
    ])
    expect(explanation.would_run_if).toHaveLength(10)
  })
})

describe('what would let it run', () => {
  test('is done, and it runs, whatever happened before', () => {
    let explained = 0
    const kinds = new Set<string>()
    fc.assert(
      fc.property(stories, fc.nat(), (story, pick) => {
        const fleet = replay(story)
        const waiting = [...fleet.state.jobs.values()].filter((row) => isWaiting(row) || isBlocked(row))
        const chosen = waiting[pick % Math.max(1, waiting.length)]
        if (chosen === undefined) return
        for (const change of why(fleet, chosen.id).would_run_if) {
          explained++
          kinds.add(Object.keys(change.change).join())
          const copy = replay(story)
          const runs = apply(copy, change, chosen.id)
          const row = job(copy, runs)
          expect(isOffered(row) || row.status === 'running', `${change.message}: ${row.status}`).toBe(true)
        }
      }),
      // These cases satisfy the same requirements as the stories below.
      { numRuns: 3_000, seed: 1 },
    )
    expect(explained).toBeGreaterThan(300)
    for (
      const kind of [
        'robot_id,tags',
        'robot_id,environment',
        'robot_id,max_concurrent_jobs',
        'robot_id,action',
        'robot_id,capabilities',
      ]
    ) {
      expect([...kinds]).toContain(kind)
    }
  })

  test.each<[object, string]>([
    [{ status: 'offline' }, 'r reported that it is online'],
    [{ status: 'paused' }, 'r reported that it is online'],
    [{ status: 'busy', current_jobs: 1 }, 'r reported that it is free'],
  ])('may be a word of the robot that said %j', (said, message) => {
    const fleet = bench()
    fleet.turn(...join('r'), say('r', 'heartbeat', said), submit('j'))
    expect(why(fleet, 'j').would_run_if).toMatchObject([{ change: { robot_id: 'r', status: 'online' }, message }])
    fleet.turn(beat('r', []))
    expect(isOffered(job(fleet, 'j'))).toBe(true)
  })

  test('may be a limit, or what the job asks for', () => {
    const fleet = bench()
    const run = { workflow: ids.workflow('w') }
    fleet.turn(...workflow(1, 'create'), ...join('r', { slots: 3 }), submit('a', run), submit('b', run))
    fleet.turn(submit('c', { robot: ids.robot('away') }), submit('d', { robot: ids.robot('away'), environment: 'x' }))
    expect(why(fleet, 'b').would_run_if.map(({ change }) => change)).toEqual([{ workflow_id: 'w', max_concurrent: 2 }])
    expect(why(fleet, 'c').would_run_if.map(({ change }) => change)).toEqual([{ job: { robot_id: null } }])
    expect(why(fleet, 'd').would_run_if.map(({ message }) => message)).toEqual(['the job were not pinned to one robot'])
  })

  /** The same story makes the same fleet. */
  function replay(story: readonly Step[]): Bench {
    const fleet = bench({ leaseMs: 1e9 })
    let n = 0
    fleet.turn(...workflow(2, 'create'))
    for (const step of story) perform(fleet, step, () => `j${++n}`)
    return fleet
  }

  /** Applies the suggestion. Returns the job to check: a changed job is submitted anew. */
  function apply(fleet: Bench, { change }: Suggestion, id: string): string {
    const robot = fleet.state.robots.get(change['robot_id'] as never)
    if (robot !== undefined) {
      const changed = { ...robot, slots: robot.max_concurrent_jobs, ...change, socket: 'anew' }
      if ('max_concurrent_jobs' in change) changed.slots = Number(change['max_concurrent_jobs'])
      if (change['status'] === 'online') {
        fleet.turn(beat(robot.id, undefined, fleet.state.sessions.get(robot.id)?.socket))
      } else fleet.turn(...join(robot.id, changed), beat(robot.id, undefined, 'anew'))
      return id
    }
    if ('workflow_id' in change) {
      fleet.turn(...workflow(Number(change['max_concurrent']), 'update'))
      return id
    }
    const row = job(fleet, id)
    const wants = change['job'] as { robot_id?: null; environment?: '' }
    fleet.turn(submit('anew', {
      priority: row.priority,
      environment: wants.environment ?? row.environment,
      required_tags: row.required_tags,
      workflow: {
        // Not `w`, at whose gate it would wait. A robot that names `w` runs node graphs anyhow.
        id: ids.workflow(row.workflow_id === 'w' ? 'w1' : row.workflow_id),
        name: '',
        definition: fleet.disk.rows.definitions.get(row.definition) ?? DEFINITION,
      },
      robot: 'robot_id' in wants ? null : row.pinned_robot_id,
    }))
    return 'anew'
  }
})
