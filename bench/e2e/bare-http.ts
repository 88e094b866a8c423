import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { serveTasks } from '../child.ts'

/** Control (a): Hono on @hono/node-server as they come, a POST that reads JSON and answers JSON. */

serveTasks({
  listen(answer: object): Promise<number> {
    const app = new Hono()
    app.post('/api/v1/jobs', async (c) => {
      const body = await c.req.json<object>()
      return body === null ? c.body(null, 400) : c.json(answer, 201, { Location: '/api/v1/jobs/1' })
    })
    const server = createServer(getRequestListener(app.fetch))
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
  },
})
