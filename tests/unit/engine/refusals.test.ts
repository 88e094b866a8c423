import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type EngineOptions, OrchestratorEngine } from '../../../adapters/engine/index.ts'
import { JOB, useLab } from './lab.ts'

/** Refused input of the engine, and the messages about it. */

const lab = useLab()

describe('options', () => {
  test.each<[string, object, RegExp]>([
    ['a strategy that is none', { loadBalancing: 'fastest' }, /loadBalancing/],
    ['no time to run in', { defaultJobTimeout: 0 }, /defaultJobTimeout/],
    ['an option that is none', { dispatchIntervall: 5 }, /dispatchIntervall/],
    ['a folder and a server', { data: 'a', database: 'http://b' }, /data and database/],
    ['a log that cannot be called', { log: 'stderr' }, /log/],
  ])('%s', (_what, options, words) => {
    expect(() => new OrchestratorEngine(options as EngineOptions)).toThrow(TypeError)
    expect(() => new OrchestratorEngine(options as EngineOptions)).toThrow(words)
  })

  test('of the Python engine that mean nothing here are taken, and the log says so', async () => {
    const lines: string[] = []
    const log = (level: string, message: string): void => void lines.push(`${level} ${message}`)
    await lab.start({ log, dispatchInterval: 5, timeoutCheckInterval: 30, triggerWebhookPort: 8766, service: null })
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn dispatchInterval is taken and does nothing: a job is offered the moment it and a robot are there',
      'warn timeoutCheckInterval is taken and does nothing: a job times out the moment its time is up',
      'warn triggerWebhookPort is taken and does nothing: startHttp takes the port',
      'warn service is taken and does nothing: data or database says where everything is kept',
    ])
    lines.length = 0
    await lab.start({ log })
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([])
  })

  test('are those of the dispatcher and of the jobs', async () => {
    const other = await lab.start({ loadBalancing: 'round_robin', defaultJobTimeout: 90, actor: 'billing' })
    expect(other.getDispatcherStats().strategy).toBe('round_robin')
    expect(await other.submitJob(JOB)).toMatchObject({ timeoutSeconds: 90, createdBy: 'billing', priority: 1 })
  })

  test('nothing works before start, and start works once', async () => {
    const idle = new OrchestratorEngine()
    await expect(idle.submitJob(JOB)).rejects.toThrow('call start() first')
    expect(() => idle.getQueueStats()).toThrow('call start() first')
    await expect(lab.engine.start()).rejects.toThrow('started once')
    await idle.stop()
  })

  test('a port that is taken is said in words of the engine', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { readonly port: number }
    await expect(lab.engine.startServer({ port })).rejects.toThrow(
      /in use; stop what uses it, or choose another with port$/,
    )
    server.close()
  })
})

describe('what is refused', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  test.each<[string, object, string, RegExp]>([
    ['no workflow', { workflowId: undefined, workflowJson: undefined }, 'INVALID_PAYLOAD', /workflowId/],
    ['a workflow that is not there', { workflowJson: undefined }, 'NOT_FOUND', /w not found/],
    ['an unknown field', { prioritty: 3 }, 'INVALID_PAYLOAD', /^Unknown field prioritty; did you mean priority\?$/],
    [
      'one of two words',
      { workflowIdd: 'w' },
      'INVALID_PAYLOAD',
      /^Unknown field workflowIdd; did you mean workflowId\?$/,
    ],
    [
      'a name of the HTTP API',
      { robot_id: 'r' },
      'INVALID_PAYLOAD',
      /^Unknown field robot_id; did you mean robotId\?$/,
    ],
    ['both names of the parameters', { parameters: {} }, 'INVALID_PAYLOAD', /parameters/],
    ['a priority that is none', { priority: 4 }, 'INVALID_PAYLOAD', /priority: must be 0 to 3/],
    ['a wrong field by our name', { retrySafety: 'unless' }, 'INVALID_PAYLOAD', /retrySafety.*unless_started/],
    ['a date that is none', { scheduledTime: new Date(Number.NaN) }, 'INVALID_PAYLOAD', /scheduledTime/],
    ['a time without its zone', { scheduledTime: '2030-01-01T10:00:00' }, 'INVALID_PAYLOAD', /with Z or an offset/],
    ['a circle', { params: cycle }, 'INVALID_PAYLOAD', /circular/],
    ['U+0000', { params: { a: '\0' } }, 'INVALID_PAYLOAD', /U\+0000/],
    ['an unknown pool', { pool: 'none' }, 'NOT_FOUND', /no pool none/],
    ['a key that is none', { idempotencyKey: 'a b' }, 'INVALID_PAYLOAD', /Idempotency-Key/],
  ])('%s', async (_what, fields, code, message) => {
    await expect(lab.submit(fields)).rejects.toMatchObject({
      name: 'RefusedError',
      code,
      message: expect.stringMatching(message),
    })
    expect(lab.engine.getQueueStats().totalTracked).toBe(0)
  })

  test('what is about jobs that do not exist', async () => {
    const no = { name: 'RefusedError', code: 'NOT_FOUND' }
    await expect(lab.engine.retryJob('none')).rejects.toMatchObject(no)
    await expect(lab.engine.explain('none')).rejects.toMatchObject(no)
    await expect(lab.engine.waitForJob('none')).rejects.toMatchObject(no)
    expect(await lab.engine.getJob('none')).toBeUndefined()
    expect(await lab.engine.cancelJob('none')).toBe(false)
  })

  test('filters of lists that are none', async () => {
    const { engine } = lab
    const wrong = { name: 'RefusedError', code: 'INVALID_PAYLOAD' }
    await expect(engine.listJobs({ state: 'failed' } as object)).rejects.toMatchObject(wrong)
    await expect(engine.listJobs({ workflow_id: 'w' } as object)).rejects.toMatchObject(wrong)
    await expect(engine.listJobs({ status: 'lost' as 'failed' })).rejects.toThrow(/status must be of pending, /)
    await expect(engine.listRobots({ limit: 0 })).rejects.toThrow(/limit must be/)
    await expect(engine.listSchedules({ cursor: '!' })).rejects.toThrow(/cursor must be/)
    await expect(engine.listTriggerEvents('none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await engine.getRobot('none')).toBeUndefined()
    expect(await engine.getSchedule('none')).toBeUndefined()
    expect(await engine.getWorkflow('none')).toBeUndefined()
  })

  test('a job that has not ended is not run again', async () => {
    const { id } = await lab.submit()
    const refusal = { code: 'CONFLICT', details: { status: 'queued' } }
    await expect(lab.engine.retryJob(id)).rejects.toMatchObject(refusal)
  })
})
