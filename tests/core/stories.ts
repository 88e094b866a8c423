import fc from 'fast-check'
import type { Event } from '../../core/events/index.ts'
import type { DefinitionHash } from '../../core/base/ids.ts'
import type { Priority } from '../../core/records/job.ts'
import { beat, type Bench, DEFINITION, ids, join, say, submit } from './bench.ts'
import type { DefinitionRow } from '../../core/records/workflow.ts'

type Verb = 'finish' | 'reject' | 'pause' | 'offline' | 'busy' | 'beat'

export interface Step {
  readonly do: 'submit' | 'join' | 'leave' | 'wait' | Verb
  readonly robot: number
  readonly priority: Priority
  readonly environment: string
  readonly tags: readonly string[]
  readonly pin: number | null
  readonly workflow: string | null
  readonly definition: DefinitionRow
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly slots: number
  readonly ms: number
}

/** Lets one step of a story happen. `fresh` makes names for jobs and sockets. */
export function perform(fleet: Bench, step: Step, fresh: () => string): void {
  const robot = `r${step.robot}`
  const socket = fleet.state.sessions.get(ids.robot(robot))?.socket
  const held = [...(fleet.state.held.get(ids.robot(robot)) ?? [])][0]
  const on = (make: (socket: string) => Event) => socket !== undefined && fleet.turn(make(socket))
  switch (step.do) {
    case 'submit': {
      const pin = step.pin === null ? null : ids.robot(`r${step.pin}`)
      const { priority, environment, tags } = step
      const { definition } = step
      const run = { workflow: ids.workflow(step.workflow ?? '') }
      const own = { workflow: { id: ids.workflow('own'), name: 'Own', definition } }
      fleet.turn(
        submit(fresh(), {
          priority,
          environment,
          required_tags: tags,
          robot: pin,
          ...step.workflow === null ? own : run,
        }),
      )
      return
    }
    case 'join':
      fleet.turn(...join(robot, { ...step, socket: fresh() }))
      return
    case 'leave':
      on((at) => ({ type: 'socket.closed', socket: ids.socket(at) }))
      return
    case 'wait':
      fleet.pass(step.ms)
      return
    case 'finish':
      if (held !== undefined) on((at) => say(robot, 'job_complete', { job_id: held, result: {} }, at))
      return
    case 'reject':
      if (held !== undefined) on((at) => say(robot, 'job_reject', { job_id: held, reason: '' }, at))
      return
    case 'pause':
      on((at) => say(robot, 'heartbeat', { status: 'paused' }, at))
      return
    case 'offline':
      on((at) => say(robot, 'heartbeat', { status: 'offline' }, at))
      return
    case 'busy':
      on((at) => say(robot, 'heartbeat', { status: 'busy', current_jobs: 2 }, at))
      return
    case 'beat':
      on((at) => beat(robot, undefined, at))
  }
}

/** Definitions that only some robots run, and the declarations of robots. */
const DEFINITIONS: readonly DefinitionRow[] = [
  DEFINITION,
  {
    hash: 'a' as DefinitionHash,
    json: '{"nodes":{"1":{"node_type":"A"},"2":{"node_type":"C","config":{"_disabled":true}}}}',
  },
  { hash: 'ab' as DefinitionHash, json: '{"nodes":{"1":{"node_type":"ANode"},"2":{"node_type":"B"}}}' },
  { hash: 'own' as DefinitionHash, json: '{"format":"own"}' },
]
const REPERTOIRES = [
  {},
  {},
  { workflows: ['own'] },
  { formats: ['own'] },
  { formats: ['workflow'], workflows: ['w', 'own'] },
  { node_types: ['A'] },
  { node_types: ['a', 'BNode'], formats: ['own'] },
  { formats: 'own' },
]

/** The events of a fleet: jobs arrive; robots connect, work, refuse, pause and leave; time passes. */
export const stories: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('submit' as const),
      priority: fc.nat(3),
      environment: fc.constantFrom('', 'a', 'b'),
      tags: fc.constantFrom([], ['x'], ['x', 'y']),
      pin: fc.constantFrom(null, null, null, 0, 1),
      workflow: fc.constantFrom(null, null, 'w'),
      definition: fc.constantFrom(...DEFINITIONS),
    }),
    fc.record({
      do: fc.constant('join' as const),
      robot: fc.nat(3),
      environment: fc.constantFrom('default', 'a', 'b'),
      tags: fc.constantFrom([], ['x'], ['x', 'y']),
      slots: fc.integer({ min: 0, max: 3 }),
      capabilities: fc.constantFrom(...REPERTOIRES),
    }),
    fc.record({
      do: fc.constantFrom('finish', 'reject', 'pause', 'offline', 'busy', 'beat') as fc.Arbitrary<Verb>,
      robot: fc.nat(3),
    }),
    fc.record({ do: fc.constant('leave' as const), robot: fc.nat(3) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(100, 5_000, 20_000, 90_000, 200_000) }),
  ),
  { maxLength: 60 },
) as unknown as fc.Arbitrary<readonly Step[]> // Each kind of step has the fields that it needs.
