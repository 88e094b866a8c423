import { afterEach, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { hangUpAll, Wire } from './wire.ts'

/** Whose key is whose: nobody becomes another by it. */

chapter('keys', (server) => {
  afterEach(hangUpAll)

  /** A key for one robot, or for any new one. */
  const newKey = async (robot?: string): Promise<string> => {
    const bound = robot === undefined ? {} : { robot_id: robot }
    return String((await server.api('POST', '/keys', { name: 'any', scopes: ['robots:connect'], ...bound }))['key'])
  }

  test('[P70] a key that was not bound does not make its owner a robot that is there already', async () => {
    const own = await newKey('victim')
    const victim = await Wire.register(server.robots, own, { robot_id: 'victim' })
    const job = await server.submit({ workflow_id: 'greeting', robot_id: 'victim', parameters: { secret: 'theirs' } })
    await victim.next('job_assign')
    victim.send('job_accept', { job_id: job, robot_id: 'victim' })
    await victim.beat('victim')
    const waiting = await server.submit({
      workflow_id: 'greeting',
      robot_id: 'victim',
      parameters: { secret: 'next' },
    })

    const fresh = await newKey()
    const words = 'This API key is for a new robot: make one for this robot with POST /api/v1/keys and its robot_id'
    const intrude = async (url: string): Promise<void> => {
      const impostor = await Wire.connect(url)
      const id = impostor.send('register', { robot_id: 'victim', auth_token: fresh })
      // Whatever comes in the same breath is not acted upon either.
      impostor.send('job_complete', { job_id: job, robot_id: 'victim', result: 'forged' })
      impostor.send('heartbeat', { robot_id: 'victim', active_job_ids: [] })
      expect(await impostor.next('register_ack')).toMatchObject({
        correlation_id: id,
        payload: { robot_id: 'victim', success: false, message: words },
      })
      expect(await impostor.closed).toEqual({ code: 4403, reason: words })
      expect(impostor.frames).toHaveLength(1)
    }
    await intrude(server.robots)
    await intrude(`${server.http.replace('http', 'ws')}/ws/robot/victim`)
    await victim.beat('victim', { active_job_ids: [job] })
    expect(await server.job(job)).toMatchObject({ status: 'running', robot_id: 'victim' })

    await victim.close()
    await intrude(server.robots)
    const back = await Wire.register(server.robots, own, { robot_id: 'victim' })
    back.send('job_complete', { job_id: job, robot_id: 'victim', result: 'own' })
    expect((await back.next('job_assign')).payload).toMatchObject({ job_id: waiting })
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'own' })

    // Another key of the robot is made with its id, and the first that is new may have the fresh one.
    const next = await Wire.register(server.robots, await newKey('victim'), { robot_id: 'victim' })
    expect(await back.closed).toMatchObject({ code: 4409 })
    await next.close()
    await (await Wire.register(server.robots, fresh, { robot_id: 'new here' })).close()
  })

  test('[P70] nor one whose key was revoked, or that came with an admin key', async () => {
    const made = await server.api('POST', '/keys', { name: 'k', scopes: ['robots:connect'], robot_id: 'former' })
    await (await Wire.register(server.robots, String(made['key']), { robot_id: 'former' })).close()
    await server.api('DELETE', `/keys/${String(made['id'])}`)
    await (await Wire.register(server.robots, server.admin, { robot_id: 'tried out' })).close()
    const fresh = await newKey()
    for (const robot_id of ['former', 'tried out']) {
      await expect(Wire.register(server.robots, fresh, { robot_id })).rejects.toThrow('is for a new robot')
    }
  })
})
