import { RESULT, SdkRobot } from './sdk.ts'
import { type Scene, WORKFLOW } from './scene.ts'

/** A conversation, to be counted. It is played twice, and the second time counts: then what it needs is there. */
export interface Conversation {
  /** Runs once, before both. */
  readonly begin?: (scene: Scene) => Promise<void>
  /** Runs before each. */
  readonly before?: (scene: Scene) => Promise<void>
  readonly play: (scene: Scene) => Promise<void>
  /** Runs after both. */
  readonly end?: () => Promise<void>
  /** Its allocations are counted too: the number of plays for that. None of them passes a limit, or needs `before`. */
  readonly plays?: number
}

const ROBOT = 'robot-1'
const OTHER = 'robot-2'

/** A robot connects, registers, and says that it is idle. */
async function joins(scene: Scene, robot: string): Promise<void> {
  scene.connect(robot)
  const traits = { environment: 'default', max_concurrent_jobs: 1, tags: [], capabilities: {} }
  await scene.say(robot, 'register', { robot_name: robot, ...traits })
  await beats(scene, robot)
}

async function beats(scene: Scene, robot: string): Promise<void> {
  const metrics = { cpu_percent: 1, memory_percent: 2, disk_percent: 3 }
  await scene.say(robot, 'heartbeat', { status: 'online', current_jobs: 0, active_job_ids: [], ...metrics })
}

async function accepts(scene: Scene, robot = ROBOT): Promise<void> {
  await scene.say(robot, 'job_accept', scene.offerTo(robot))
}

async function completes(scene: Scene, robot = ROBOT): Promise<void> {
  await scene.say(robot, 'job_complete', { ...scene.offerTo(robot), result: RESULT, duration_ms: 1 })
}

async function fails(scene: Scene, robot = ROBOT): Promise<void> {
  const error = { error_message: 'it broke', error_type: 'ConnectionError', stack_trace: '', failed_node: 'node-1' }
  await scene.say(robot, 'job_failed', { ...scene.offerTo(robot), ...error })
}

/** The job of one robot, offered, accepted and completed. */
async function runsOne(scene: Scene): Promise<void> {
  await accepts(scene)
  await completes(scene)
}

const begin = (scene: Scene): Promise<void> => joins(scene, ROBOT)

const MINUTE_MS = 60_000
const BATCH = 100

let sdk: SdkRobot
const withSdk: Pick<Conversation, 'begin' | 'end'> = {
  begin: async (scene) => void (sdk = await SdkRobot.start(scene)),
  end: () => sdk.stop(),
}

/** The main conversations, by name. */
export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  'a job: submitted, offered, accepted, completed': {
    plays: 200,
    begin,
    async play(scene) {
      await scene.submit()
      await runsOne(scene)
    },
  },
  'the same by an SDK robot, with progress and three lines': {
    ...withSdk,
    async play(scene) {
      await scene.submit()
      await sdk.hears('job_accept', 'job_progress')
      sdk.finish()
      await sdk.hears('log_batch', 'job_complete')
      await sdk.hears('heartbeat')
    },
  },
  'a short job of an SDK robot: accepted and completed in one turn': {
    ...withSdk,
    async play(scene) {
      await scene.submit()
      await sdk.sends('job_accept', 'job_progress')
      sdk.finish()
      await sdk.hears('job_accept', 'job_progress', 'log_batch', 'job_complete')
      await sdk.hears('heartbeat')
    },
  },
  '100 submissions at once': {
    plays: 20,
    async play(scene) {
      await Promise.all(Array.from({ length: BATCH }, () => scene.submit()))
    },
  },
  'a batch of 100 submissions': {
    plays: 20,
    async play(scene) {
      await scene.request('POST', '/jobs/batch', { jobs: Array.from({ length: BATCH }, () => scene.job()) })
      await scene.settle()
    },
  },
  'an offer: refused, and made to another robot': {
    plays: 100,
    async begin(scene) {
      await joins(scene, ROBOT)
      await joins(scene, OTHER)
    },
    async play(scene) {
      await scene.submit()
      const first = scene.sent.findLast(({ type }) => type === 'job_assign')?.socket ?? ''
      const second = first === ROBOT ? OTHER : ROBOT
      await scene.say(first, 'job_reject', { ...scene.offerTo(first), reason: 'busy with an update' })
      await scene.pass(5_000)
      await accepts(scene, second)
      await completes(scene, second)
    },
  },
  'a running job: cancelled': {
    begin,
    async before(scene) {
      await scene.submit()
      await accepts(scene)
    },
    async play(scene) {
      const { job_id } = scene.offerTo(ROBOT)
      await scene.request('POST', `/jobs/${job_id}/cancel`, {})
      await scene.say(ROBOT, 'job_cancelled', scene.offerTo(ROBOT))
    },
  },
  'a job that fails: again after the back-off, and completed': {
    begin,
    async before(scene) {
      await scene.submit({ max_attempts: 2 })
      await accepts(scene)
    },
    async play(scene) {
      await fails(scene)
      await scene.pass(5_000)
      await runsOne(scene)
    },
  },
  'a schedule: due, and its job completed': {
    async begin(scene) {
      await joins(scene, ROBOT)
      const schedule = { name: 'Every minute', frequency: 'cron', cron_expression: '* * * * *' }
      await scene.request('POST', '/schedules', { ...schedule, workflow_id: WORKFLOW })
    },
    async before(scene) {
      await scene.pass(MINUTE_MS / 2)
      await beats(scene, ROBOT)
    },
    async play(scene) {
      await scene.pass(MINUTE_MS / 2)
      await runsOne(scene)
    },
  },
  'a webhook trigger: fired, and its job completed': {
    async begin(scene) {
      await joins(scene, ROBOT)
      const trigger = { id: 'orders', name: 'Orders', trigger_type: 'webhook', auth: 'none', secret: null }
      await scene.request('POST', '/triggers', { ...trigger, workflow_id: WORKFLOW })
    },
    async play(scene) {
      await scene.request('POST', '/webhook/orders', { event_type: 'new_orders', data: { region: 'north' } })
      await runsOne(scene)
    },
  },
  'a job of which a webhook hears: created, queued, started and completed': {
    async begin(scene) {
      await joins(scene, ROBOT)
      await scene.request('POST', '/webhooks', { url: 'https://example.com/hook', events: ['job.*'] })
    },
    async play(scene) {
      await scene.submit()
      await runsOne(scene)
    },
  },
  'a heartbeat of an idle robot': {
    plays: 200,
    begin,
    play: (scene) => beats(scene, ROBOT),
  },
  'a heartbeat of an idle robot, half a minute after the last': {
    begin,
    before: (scene) => scene.pass(MINUTE_MS / 2),
    play: (scene) => beats(scene, ROBOT),
  },
  'a log_batch of 100 lines': {
    plays: 50,
    async begin(scene) {
      await joins(scene, ROBOT)
      await scene.submit()
      await accepts(scene)
    },
    async play(scene) {
      const line = { level: 'INFO', message: 'row 1234 was read from the sheet', node_id: 'node-1' }
      const entries = Array.from({ length: BATCH }, () => line)
      await scene.say(ROBOT, 'log_batch', { job_id: scene.offerTo(ROBOT).job_id, entries })
    },
  },
}
