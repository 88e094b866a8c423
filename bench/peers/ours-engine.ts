import { join } from 'node:path'
import { OrchestratorEngine } from '../../adapters/engine/index.ts'
import { parametersOf } from './job.ts'
import { ours, WORKFLOW } from './ours.ts'
import type { System } from './system.ts'

/** The orchestrator inside the process that submits: there is no server beside it. */
export const oursInProcess: System = {
  start(folder) {
    const no = () => Promise.reject(new Error('the engine ends with the process that submits'))
    const connection = { folder: join(folder, 'data') }
    return Promise.resolve({ connection, pids: () => [], restart: no, stop: () => Promise.resolve() })
  },

  async produce({ folder = '' }) {
    const engine = new OrchestratorEngine({ data: folder, log: () => {} })
    await engine.start()
    const { port } = await engine.startServer({ port: 0 })
    const http = await engine.startHttp({ port: 0 })
    const key = await engine.createKey({ name: 'admin', scopes: ['admin'] })
    await engine.publishWorkflow({
      workflowId: WORKFLOW,
      name: WORKFLOW,
      workflowJson: '{"nodes":{},"connections":[]}',
    })
    const submit = async (n: number) =>
      (await engine.submitJob({ workflowId: WORKFLOW, params: { ...parametersOf(n) } })).id
    return {
      submit,
      submitMany: (ns) => Promise.all(ns.map(submit)),
      ended: async (id) => void await engine.waitForJob(id),
      connection: {
        folder,
        key,
        http: `http://127.0.0.1:${http.port}`,
        robots: `ws://127.0.0.1:${port}`,
      },
      close: () => engine.stop(),
    }
  },

  consume: ours.consume,
  pending: ours.pending,
  verify: ours.verify,
}
