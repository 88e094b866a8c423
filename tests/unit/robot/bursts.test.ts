import { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SystemLoadMeter } from '../../../robot/system-load.ts'
import { gate, useLab } from './lab.ts'

/** The cost of short jobs for a robot. */

const lab = useLab()

describe('writes', () => {
  const { uncork } = Socket.prototype
  let ports: (number | undefined)[] = []
  beforeEach(() => {
    Socket.prototype.uncork = function (this: Socket) {
      if (this.writableCorked === 1 && this.writableLength > 0) ports.push(this.remotePort)
      uncork.call(this)
    }
  })
  afterEach(() => {
    Socket.prototype.uncork = uncork
  })

  test('the answers to offers that come together leave in one write, and the results of jobs that end at once too', async () => {
    const [, connection] = await lab.connected(() => 1, { maxConcurrentJobs: 10, timings: { confirmMs: 60_000 } })
    const port = Number(new URL(lab.orchestrator.url).port)
    ports = []
    for (let n = 0; n < 10; n++) connection.assign(`j${n}`)
    for (let n = 0; n < 10; n++) await connection.next('job_complete')
    expect(connection.types().filter((type) => type === 'job_accept')).toHaveLength(10)
    expect(ports.filter((remote) => remote === port).length).toBeLessThanOrEqual(4)
  })
})

describe('what a handler asks for', () => {
  test('the parameters as text are those that came, whatever it has done with the others', async () => {
    const [, connection] = await lab.connected((job) => {
      Object.assign(job.parameters, { n: 2 })
      return [job.parameters['n'], job.parametersText]
    })
    connection.assign('j1', { parameters: { n: 1 } })
    expect((await connection.next('job_complete')).payload.result).toEqual([2, '{"n":1}'])
  })

  test('the signal is aborted, however late it is asked for', async () => {
    const { handler, open, entered } = gate()
    const aborted: boolean[] = []
    const [, connection] = await lab.connected(async (job) => {
      await handler({ ...job, signal: new AbortController().signal })
      aborted.push(job.signal.aborted)
    })
    connection.assign('j1')
    await entered
    connection.send({ type: 'job_cancel', payload: { job_id: 'j1', reason: 'x' } })
    connection.send({ type: 'status_request', payload: { robot_id: 'r1' } })
    // What comes after the request to cancel is answered after it.
    await connection.next('status_response')
    open()
    await connection.next('job_cancelled')
    expect(aborted).toEqual([true])
  })
})

test('the load of the machine is not measured for each heartbeat', async () => {
  const meter = new SystemLoadMeter()
  await expect.poll(() => meter.read().disk_percent, { interval: 2 }).not.toBeNull()
  expect(meter.read()).toBe(meter.read())
})
