import { appendFileSync, existsSync } from 'node:fs'
import { Robot } from '../../../robot/robot.ts'

/**
 * A robot as a process that can be killed. What it really runs is in a file that outlasts it: a line for each call of the
 * handler. A job goes on until the file exists that its parameter `until` names, and with `blocking` nothing else goes
 * on in the process meanwhile.
 */

const { ROBOT_URL = '', ROBOT_STATE = '', ROBOT_RAN = '', ROBOT_KEY } = process.env

const robot = new Robot({
  url: ROBOT_URL,
  key: ROBOT_KEY,
  id: 'worker',
  maxConcurrentJobs: 2,
  stateFile: ROBOT_STATE,
  heartbeatMs: Number(process.env['ROBOT_HEARTBEAT_MS'] ?? 60_000),
  timings: { confirmMs: 5, backoffBaseMs: 5, backoffCapMs: 20 },
  runner: async ({ id, parameters: { until, blocking } }) => {
    appendFileSync(ROBOT_RAN, `${id}\n`)
    const goesOn = (): boolean => typeof until === 'string' && !existsSync(until)
    while (goesOn()) {
      if (blocking === true) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      else await new Promise((resume) => setTimeout(resume, 5))
    }
    return { of: id }
  },
  onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
})
await robot.start()
