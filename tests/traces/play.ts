import type { Reply } from '../../core/reply.ts'
import type { Send } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import type { JobRow } from '../../core/records/job.ts'
import { type Bench, bench, DEFINITION, ids, join, NO_ROWS, say, submit } from '../core/bench.ts'

/**
 * Plays a conversation: every line at the left margin is something that happens, and what follows it, indented, is what
 * the turn did. `npm run bless` writes the indented lines anew. They are there to be read.
 */
export function play(script: string): string {
  const stage: Stage = { fleet: bench({}, NO_ROWS), sockets: new Map(), connections: 0 }
  return script.split('\n').filter((line) => !line.startsWith('  ')).map((line) => {
    if (line.trim() === '' || line.startsWith('#')) return line
    return [line, ...perform(stage, line).map((words) => `  ${words}`)].join('\n')
  }).join('\n')
}

interface Stage {
  fleet: Bench
  /** The present socket of each robot. */
  readonly sockets: Map<string, string>
  connections: number
}

/** A robot connects and registers, with a key if one is named. */
function joins(stage: Stage, who: string, robot: string, rest: string): readonly Event[] {
  const socket = `${who}/${++stage.connections}`
  stage.sockets.set(who, socket)
  const { slots, tags, env, caps, key } = options(rest)
  return join(robot, {
    socket,
    slots: Number(slots ?? 1),
    environment: env ?? 'default',
    tags: list(tags),
    capabilities: Object.fromEntries(list(caps).map((name) => [name, true])),
    ...(key === undefined ? {} : { key }),
  })
}

type Act = (stage: Stage, words: readonly string[]) => readonly Event[]

/** The patterns of lines at the left margin. */
const ACTS: readonly (readonly [RegExp, Act])[] = [
  [/^(\S+) joins as (\S+)(.*)$/, (stage, [who = '', robot = '', rest = '']) => joins(stage, who, robot, rest)],
  [/^(\S+) joins(.*)$/, (stage, [robot = '', rest = '']) => joins(stage, robot, robot, rest)],
  [/^make the key (\S+)(?: for (\S+))?$/, (_stage, [key = '', robot]) => [{
    type: 'key.created',
    reply: ids.reply('client'),
    key: ids.key(key),
    name: key,
    secret: ids.secret(key),
    scopes: ['robots:connect'],
    robot: robot === undefined ? null : ids.robot(robot),
  }]],
  [
    /^(\S+) drops$/,
    ({ sockets }, [robot = '']) => [{ type: 'socket.closed', socket: ids.socket(sockets.get(robot) ?? '') }],
  ],
  [/^submit together (.+)$/, (_stage, [jobs = '']) => [{
    type: 'batch.submitted',
    reply: ids.reply('client'),
    submissions: jobs.split('; ').map((text) => {
      const [job = '', ...rest] = text.split(' ')
      return submit(job, wants(options(rest.join(' '))) as never) as Extract<Event, { type: 'job.submitted' }>
    }),
  }]],
  [/^submit (\S+)(.*)$/, (_stage, [job = '', rest = '']) => [submit(job, wants(options(rest)) as never)]],
  [/^cancel (\S+)$/, (_stage, [job = '']) => [
    { type: 'cancel.requested', reply: ids.reply('client'), job: ids.job(job), by: 'ann', reason: 'Cancelled by user' },
  ]],
  [/^(retry|requeue) (\S+) as (\S+)$/, (_stage, [mode = '', job = '', newJob = '']) => [{
    type: 'retry.requested',
    reply: ids.reply('client'),
    job: ids.job(job),
    mode: mode as 'retry' | 'requeue',
    new_job: ids.job(newJob),
    by: 'ann',
    key: null,
    definition: DEFINITION,
  }]],
  [/^(pause|resume|shut down) (\S+)$/, (_stage, [verb = '', robot = '']) => [{
    type: 'control.requested',
    reply: ids.reply('client'),
    robot: ids.robot(robot),
    control: verb === 'shut down' ? 'shutdown' : verb as 'pause' | 'resume',
    graceful: true,
  }]],
  [/^ask (\S+) for its status$/, (_stage, [robot = '']) => [
    { type: 'status.requested', reply: ids.reply('client'), robot: ids.robot(robot) },
  ]],
  [/^(\S+) (accepts|rejects|completes|stops) (\S+)(.*)$/, (stage, [robot = '', verb = '', job = '', rest = '']) => {
    const type =
      { accepts: 'job_accept', rejects: 'job_reject', completes: 'job_complete', stops: 'job_cancelled' }[verb]
    return [messageFrom(stage, robot, type as 'job_accept', { job_id: job, ...offerIn(rest) })]
  }],
  [/^(\S+) fails (\S+) with (\S+)(.*)$/, (stage, [robot = '', job = '', error_type = '', rest = '']) => [
    messageFrom(stage, robot, 'job_failed', { job_id: job, error_message: 'it broke', error_type, ...offerIn(rest) }),
  ]],
  [/^(\S+) is at (\d+) % of (\S+)$/, (stage, [robot = '', progress = '', job = '']) => [
    messageFrom(stage, robot, 'job_progress', { job_id: job, progress: Number(progress), current_node: 'node' }),
  ]],
  [/^(\S+) beats, running (.*)$/, (stage, [robot = '', jobs = '']) => [
    messageFrom(stage, robot, 'heartbeat', { active_job_ids: jobs === 'nothing' ? [] : list(jobs) }),
  ]],
  [/^(\S+) beats$/, (stage, [robot = '']) => [messageFrom(stage, robot, 'heartbeat', {})]],
  [
    /^(\S+) says that it is (\S+)$/,
    (stage, [robot = '', status = '']) => [messageFrom(stage, robot, 'heartbeat', { status })],
  ],
  [/^(\S+) answers, running (.*)$/, (stage, [robot = '', jobs = '']) => [
    messageFrom(stage, robot, 'status_response', { active_job_ids: jobs === 'nothing' ? [] : list(jobs) }),
  ]],
  [/^(\S+) logs (.+) of (\S+)$/, (stage, [robot = '', message = '', job = '']) => [
    messageFrom(stage, robot, 'log_entry', { job_id: job, level: 'INFO', message }),
  ]],
  [/^(\S+) says goodbye$/, (stage, [robot = '']) => [messageFrom(stage, robot, 'disconnect', { reason: 'goodbye' })]],
]

function perform(stage: Stage, line: string): readonly string[] {
  const passes = /^(\d+) (s|min) pass$/.exec(line)
  const { fleet } = stage
  const rows = new Map(fleet.disk.rows.jobs)
  const robots = new Map(fleet.disk.rows.robots)
  const logs = fleet.disk.logs.length
  const entries = fleet.disk.history.length
  let sent: readonly Send[]
  if (line === 'restart') {
    stage.fleet = bench({}, fleet.hot())
    stage.fleet.now = fleet.now
    stage.fleet = rejoined(stage.fleet, fleet)
    return ['every connection is gone, the rows are loaded']
  } else if (passes !== null) sent = fleet.pass(Number(passes[1]) * (passes[2] === 's' ? 1_000 : 60_000))
  else {
    const found = ACTS.map(([pattern, act]) => ({ match: pattern.exec(line), act })).find(({ match }) => match !== null)
    if (found?.match === undefined || found.match === null) throw new Error(`no such thing can happen: ${line}`)
    sent = fleet.turn(...found.act(stage, found.match.slice(1)))
  }
  const written = [...fleet.disk.rows.jobs.values()].filter((row) => rows.get(row.id) !== row).map(rowLine)
  const modes = [...fleet.disk.rows.robots.values()]
    .filter((row) => row.mode !== (robots.get(row.id)?.mode ?? 'active')).map((row) => `write  ${row.id} ${row.mode}`)
  const lines = fleet.disk.logs.slice(logs).map((log) => `log    ${log.job_id} ${log.level} ${log.message}`)
  const late = fleet.disk.history.slice(entries).filter((entry) => entry.event === 'late_result')
    .map((entry) => `note   ${entry.job_id} ${entry.detail}`)
  return [...written, ...modes, ...lines, ...late, ...sent.map(sendLine)]
}

/** A restarted fleet goes on writing to the disk of the one before it. */
function rejoined(young: Bench, old: Bench): Bench {
  const { disk } = old
  const turn = young.turn
  const own = young.disk
  return Object.assign(young, {
    disk,
    turn: (...events: readonly Event[]) => {
      const sent = turn(...events)
      for (const [name, rows] of Object.entries(own.rows)) {
        const kept = disk.rows[name as keyof typeof disk.rows] as Map<unknown, unknown>
        for (const [key, row] of rows as Map<unknown, unknown>) kept.set(key, row)
      }
      disk.history.push(...own.history.splice(0))
      disk.logs.push(...own.logs.splice(0))
      return sent
    },
  })
}

function rowLine(job: JobRow): string {
  const words = ['write ', job.id, job.status]
  if (job.offer > 0) words.push(`offer=${job.offer}`)
  if (job.robot_id !== null && (job.offer_until !== null || job.started_at !== null)) words.push(job.robot_id)
  if (job.offer_until !== null) words.push('on offer')
  if (job.status === 'pending') words.push(job.ready_at === null ? 'at the gate' : 'until its time')
  if (job.status === 'running' && job.progress > 0) words.push(`${job.progress} %`)
  if (job.error_type !== '') words.push(job.error_type)
  if (job.dead_lettered) words.push('dead letter')
  if (job.stop_until !== null) words.push('slot held')
  return words.join(' ')
}

function sendLine(send: Send): string {
  if (send.to === 'reply') return `answer ${answerWords(send.answer)}`
  const robot = send.socket
  if ('close' in send) return `close  ${robot} ${send.close.code} ${send.close.reason}`
  const payload = send.message.payload as Readonly<Record<string, unknown>>
  const about = [
    payload['job_id'],
    payload['error_code'],
    payload['success'] === false ? payload['message'] : undefined,
  ]
  const number = payload['offer'] === undefined ? '' : ` offer=${String(payload['offer'])}`
  return `send   ${[robot, send.message.type, ...about.filter((word) => word !== undefined)].join(' ')}${number}`
}

function answerWords(answer: Reply): string {
  switch (answer.type) {
    case 'refusal':
      return `${answer.refusal.refused}: ${answer.refusal.message}`
    case 'job':
      return `${answer.job.id} ${answer.job.status}${answer.replayed === true ? ' (as before)' : ''}`
    case 'batch':
      return answer.answers.map(answerWords).join('; ')
    case 'status':
      return `${answer.robot.id} says ${answer.report.status}`
    case 'robot':
      return `${answer.robot.id} ${answer.robot.mode}`
    default:
      return answer.type
  }
}

function messageFrom(stage: Stage, robot: string, type: Parameters<typeof say>[1], payload: object): Event {
  return say(robot, type, payload, stage.sockets.get(robot))
}

function options(rest: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries([...rest.matchAll(/(\w+)=(\S+)/g)].map((match) => [match[1], match[2]]))
}

function offerIn(rest: string): object {
  const { offer: given } = options(rest)
  return given === undefined ? {} : { offer: Number(given) }
}

function wants(given: Readonly<Record<string, string | undefined>>): object {
  const { priority, tags, robot, retry, attempts, key, timeout, env, idem, dup } = given
  return {
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    ...(tags === undefined ? {} : { required_tags: list(tags) }),
    ...(robot === undefined ? {} : { robot }),
    ...(retry === undefined ? {} : { retry_safety: retry }),
    ...(attempts === undefined ? {} : { max_attempts: Number(attempts) }),
    ...(key === undefined ? {} : { concurrency_key: key }),
    ...(timeout === undefined ? {} : { timeout_ms: Number(timeout) * 1_000 }),
    ...(env === undefined ? {} : { environment: env }),
    ...(idem === undefined ? {} : { idempotency: { key: idem, fingerprint: 'f' } }),
    ...(dup === undefined ? {} : { duplicate_key: dup, check_duplicate: true }),
  }
}

function list(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',').map((word) => word.trim())
}
