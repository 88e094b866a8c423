import { sha256 } from '../../adapters/crypto/secrets.ts'
import {
  type Effects,
  type LogWarning,
  newEffects,
  type Send,
  type Turn,
  type WebhookRequest,
} from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import { Receipt } from '../../core/base/receipt.ts'
import type { DefinitionHash, JobId, JsonText, KeyId, Millis, ReplyId } from '../../core/base/ids.ts'
import type { RobotId, ScheduleId, SecretHash, SocketId, TriggerId, WorkflowId } from '../../core/base/ids.ts'
import type { JobRow, RetrySafety } from '../../core/records/job.ts'
import { nextAlarm } from '../../core/on-timer.ts'
import { DEFAULTS, type Settings, UNLIMITED } from '../../core/settings.ts'
import { load } from '../../core/load.ts'
import { fromRobot, isUndecodable } from '../../core/protocol/decode.ts'
import type { Outgoing, RobotMessage } from '../../core/protocol/message.ts'
import type { State, StoredRows } from '../../core/state.ts'
import { step } from '../../core/step.ts'
import { foundOn, hotOn, keepOn } from './disk.ts'
import { DEFAULT_JOB_SPEC } from '../../core/jobs/create.ts'
import { needs } from '../../core/needs.ts'

/** A fleet for tests of the core: one state, stepped by hand, its rows kept as a store would keep them. */
export interface Bench {
  readonly state: State
  now: Millis
  /** The rows of every turn so far: what a store would have. */
  readonly disk: Effects
  /** Every call to a webhook so far. */
  readonly calls: WebhookRequest[]
  /** Every line for the server's log so far. */
  readonly warnings: LogWarning[]
  /** Steps through the events in one turn and returns the messages sent. */
  turn(...events: readonly Event[]): readonly Send[]
  /** Advances time, and runs every deadline in between. Returns the messages sent. */
  pass(ms: Millis): readonly Send[]
  /** The rows on the disk, as a store would load them. */
  hot(): StoredRows
}

export const NO_ROWS: StoredRows = {
  jobs: [],
  robots: [],
  workflows: [],
  triggers: [],
  schedules: [],
  keys: [],
  pools: [],
  affinities: [],
  definitions: [],
  webhooks: [],
  deliveries: [],
  recent: [],
  members: [],
  earlyRuns: [],
  seq: 0,
  clock: 0,
  epoch: 1,
}
export const START: Millis = Date.UTC(2026, 0, 5, 9)

/** The definition that every job here runs. */
export const DEFINITION = { hash: sha256('{"nodes":{}}') as DefinitionHash, json: '{"nodes":{}}' }

export function bench(
  settings: Partial<Settings> = {},
  hot: StoredRows = NO_ROWS,
  attached: readonly string[] = [],
  now = START,
): Bench {
  const state = load(hot, now, 1, { ...DEFAULTS, ...UNLIMITED, robotsAuth: 'open', ...settings }, attached)
  const disk = newEffects(0, START)
  let turns = 0
  const self: Bench = {
    state,
    now,
    disk,
    calls: [],
    warnings: [],
    turn(...events) {
      const turn: Turn = {
        now: self.now,
        prefetched: foundOn(disk, needs(state, events, self.now)),
        out: newEffects(++turns, self.now),
        facts: [],
      }
      for (const event of events) step(state, event, turn)
      keepOn(disk, turn.out)
      const receipt = new Receipt(turn.out.turn)
      self.warnings.push(...turn.out.warnings)
      self.calls.push(...turn.out.requests.open(receipt))
      return turn.out.sends.open(receipt)
    },
    pass(ms) {
      const until = self.now + ms
      const sent: Send[] = []
      for (let alarm = nextAlarm(state); alarm !== null && alarm.at <= until; alarm = nextAlarm(state)) {
        self.now = Math.max(self.now, alarm.at)
        sent.push(...self.turn({ type: 'tick' }))
      }
      self.now = until
      return sent
    },
    hot: () => hotOn(disk, state, self.now),
  }
  return self
}

/** A submission with nothing special about it, but for what is given. */
export function submit(id: string, given: Partial<Extract<Event, { type: 'job.submitted' }>> = {}): Event {
  return {
    type: 'job.submitted',
    reply: `reply-${id}` as ReplyId,
    job: id as JobId,
    by: 'tester',
    key: null,
    workflow: { id: 'w1' as WorkflowId, name: 'Workflow', definition: DEFINITION },
    ...DEFAULT_JOB_SPEC,
    parameters: '{}' as JsonText,
    priority: 1,
    check_duplicate: false,
    idempotency: null,
    ...given,
  }
}

export interface RobotTraits {
  readonly slots?: number
  readonly environment?: string
  readonly tags?: readonly string[]
  readonly capabilities?: Readonly<Record<string, unknown>>
  readonly socket?: string
  readonly memory?: object | undefined
  /** The hash of the key that it comes with. */
  readonly key?: string
}

/** A robot connects and registers. */
export function join(id: string, traits: RobotTraits = {}): readonly Event[] {
  const socket = (traits.socket ?? `socket-${id}`) as SocketId
  return [
    { type: 'socket.opened', socket, credential: traits.key === undefined ? null : traits.key as SecretHash },
    say(id, 'register', {
      robot_name: id,
      environment: traits.environment ?? 'default',
      max_concurrent_jobs: traits.slots ?? 1,
      tags: traits.tags ?? [],
      capabilities: traits.capabilities ?? {},
      memory: traits.memory,
    }, socket),
  ]
}

let logMessages = 0

/** A robot says something on its socket; the message takes the way through the decoder. */
export function say(robot: string, type: RobotMessage['type'], payload: object, socket = `socket-${robot}`): Event {
  // Log messages have distinct ids, like those of real robots.
  const id = type.startsWith('log_') ? `${type}-${++logMessages}` : `${type}-${robot}`
  const text = JSON.stringify({ type, id, timestamp: '', payload: { robot_id: robot, ...payload } })
  const message = fromRobot(text)
  if (isUndecodable(message)) throw new Error(message.refusal.message)
  return { type: 'robot.message', socket: socket as SocketId, message, bytes: text.length, credential: null }
}

export function beat(robot: string, active?: readonly string[], socket?: string): Event {
  const metrics = { cpu_percent: 1, memory_percent: 2, disk_percent: 3 }
  const jobs = active === undefined ? {} : { active_job_ids: active }
  return say(robot, 'heartbeat', { status: 'online', current_jobs: 0, ...metrics, ...jobs }, socket)
}

export function complete(robot: string, id: string, result: unknown = {}, offer?: number): Event {
  return say(robot, 'job_complete', { job_id: id, result, ...(offer === undefined ? {} : { offer }) })
}

/** The messages sent to robots, as `type job-or-robot`, in order. */
export function summaryOf(sends: readonly Send[]): readonly string[] {
  return sends.flatMap((send) => {
    if (send.to !== 'socket') return []
    if ('close' in send) return [`${send.socket} close ${send.close.code}`]
    type Said = { job_id?: string; error_code?: string; success?: boolean; offer?: number }
    const payload = send.message.payload as Said
    const about = payload.job_id ?? payload.error_code ?? (payload.success === undefined ? '' : String(payload.success))
    return [`${send.socket} ${send.message.type} ${about}${payload.offer ? `#${payload.offer}` : ''}`.trim()]
  })
}

export function messages<T extends Outgoing['type']>(
  sends: readonly Send[],
  type: T,
): readonly Extract<Outgoing, { type: T }>[] {
  return sends.flatMap((send) =>
    send.to === 'socket' && 'message' in send && send.message.type === type
      ? [send.message as Extract<Outgoing, { type: T }>]
      : []
  )
}

export function answers(sends: readonly Send[]) {
  return sends.flatMap((send) => (send.to === 'reply' ? [send.answer] : []))
}

export function job(fleet: Bench, id: string): JobRow {
  const row = fleet.disk.rows.jobs.get(id as JobId) ?? fleet.state.jobs.get(id as JobId)
  if (row === undefined) throw new Error(`there is no job ${id}`)
  return row
}

/** A socket is gone. */
export const closed = (socket: string): Event => ({ type: 'socket.closed', socket: socket as SocketId })

/** A fleet whose robot r1 is running the job j1. */
export function running(retrySafety: RetrySafety = 'unless_started'): Bench {
  const fleet = bench()
  fleet.turn(...join('r1'))
  fleet.turn(submit('j1', { retry_safety: retrySafety }))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
  return fleet
}

export const ids = {
  job: (id: string) => id as JobId,
  robot: (id: string) => id as RobotId,
  socket: (id: string) => id as SocketId,
  trigger: (id: string) => id as TriggerId,
  schedule: (id: string) => id as ScheduleId,
  workflow: (id: string) => id as WorkflowId,
  key: (id: string) => id as KeyId,
  secret: (text: string) => text as SecretHash,
  reply: (text: string) => text as ReplyId,
}

/** Sets the clock. Returns the messages sent. */
export function setClock(fleet: Bench, by: Millis): readonly Send[] {
  fleet.now += by
  return fleet.turn({ type: 'clock.set', by })
}
