import type { Transcript } from '../transcript.ts'

/** Requests of people and other systems over HTTP, with their answers. */

export async function people(to: Transcript): Promise<void> {
  await workflows(to)
  await jobs(to)
  await repeated(to)
  await records(to)
  await webhooks(to)
}

/** Requests to the API. */
function api(to: Transcript) {
  return {
    post: (path: string, body: object) => to.ask('POST', `/api/v1${path}`, { body }),
    get: (path: string) => to.ask('GET', `/api/v1${path}`),
  }
}

async function workflows(to: Transcript): Promise<void> {
  const { post, get } = api(to)
  to.title('Workflows')
  const definition = { metadata: { name: 'Same' }, nodes: {}, text: 'Zürich 😀' }
  await post('/workflows', { id: 'same', name: 'Same', json_definition: definition, tags: ['t'] })
  await post('/workflows', { id: 'same', name: 'Same', json_definition: { nodes: {} } })
  await post('/jobs', { workflow_id: 'same' })
  await post('/workflows/same/publish', {})
  await to.ask('PUT', '/api/v1/workflows/same', {
    body: { name: 'Same again', json_definition: { nodes: {}, second: true } },
  })
  await get('/workflows/same')
  await get('/workflows/same/versions')
  await post('/workflows', { id: 'a/b', name: 'n', json_definition: { nodes: {} } })
  await post('/workflows', { name: '', json_definition: { nodes: {} } })
}

async function jobs(to: Transcript): Promise<void> {
  const { post, get } = api(to)
  to.title('Jobs')
  const asked = { workflow_id: 'same', robot_id: 'same robot', parameters: { z: 1, a: 'Zürich 😀 \u2028', ü: [null] } }
  const job = await post('/jobs', { ...asked, priority: 'high', check_duplicate: true })
  await post('/jobs', { ...asked, check_duplicate: true })
  await get(`/jobs/${String(job['id'])}`)
  await get('/jobs?limit=1')
  await get(`/jobs/${String(job['id'])}/explain`)
  await get(`/jobs/${String(job['id'])}/logs`)
  await post(`/jobs/${String(job['id'])}/retry`, {})
  await post(`/jobs/${String(job['id'])}/cancel`, { reson: 'typo' })
  await post(`/jobs/${String(job['id'])}/cancel`, { reason: 'Not needed' })
  await post(`/jobs/${String(job['id'])}/cancel`, {})
  await get(`/jobs/${String(job['id'])}/history`)
  await post(`/jobs/${String(job['id'])}/requeue`, {})
  const later = await post('/jobs', {
    workflow_id: 'same',
    scheduled_time: '2099-01-01T08:00:00.5+01:00',
    environment: 'e',
  })
  await to.ask('POST', `/api/v1/jobs/${String(later['id'])}/cancel`)
  for (const verb of ['cancel', 'retry', 'requeue']) await to.ask('POST', `/api/v1/jobs/none/${verb}`)
}

async function repeated(to: Transcript): Promise<void> {
  to.title('The same request again')
  const again = (key: string, more: object = {}) =>
    to.ask('POST', '/api/v1/jobs', {
      headers: { 'Idempotency-Key': key },
      body: { workflow_id: 'same', robot_id: 'nobody', ...more },
    })
  await again('order-1')
  await again('order-1')
  await again('order-1', { priority: 3 })
  await again('a b')
  await again('x'.repeat(300))
}

async function records(to: Transcript): Promise<void> {
  const { post, get } = api(to)
  to.title('Robots on record, pools, keys')
  await post('/robots', { id: 'recorded', name: 'Recorded', tags: ['sap'], max_concurrent_jobs: 2 })
  await post('/robots', { id: 'recorded', name: 'Recorded' })
  await to.ask('PUT', '/api/v1/robots/recorded', { body: { name: 'Changed' } })
  for (const verb of ['pause', 'resume', 'shutdown', 'status']) await to.ask('POST', `/api/v1/robots/recorded/${verb}`)
  for (const verb of ['pause', 'status']) await to.ask('POST', `/api/v1/robots/none/${verb}`)
  await post('/pools', { name: 'finance', tags: ['sap'], max_concurrent: 1 })
  await get('/pools')
  await get('/stats/dispatcher')
  await post('/keys', { name: 'k', scopes: ['root'] })
  await post('/keys', { name: 'k', scopes: ['admin'], robot_id: 'r' })
}

async function webhooks(to: Transcript): Promise<void> {
  const { post, get } = api(to)
  to.title('Webhooks')
  const secret = 'a secret of its own'
  const trigger = { id: 'same', name: 'T', workflow_id: 'same', cooldown_seconds: 3_600, secret }
  await post('/triggers', trigger)
  await post('/triggers', trigger)
  await post('/triggers', { id: 'open', name: 'T', workflow_id: 'same', secret: null, enabled: false })
  const hook = (body: object | string, given: string | null = secret, id = 'same') =>
    to.ask('POST', `/webhook/${id}`, {
      authorization: null,
      body,
      headers: given === null ? {} : { 'X-Webhook-Secret': given },
    })
  const event = { event_type: 'new_order', data: { order: 'ORD-1', umlaut: 'ü' } }
  await hook(event, null)
  await hook(event, 'wrong')
  await hook('{', 'wrong')
  await hook('{')
  await hook([])
  await hook({ data: {} })
  await hook({ ...event, data: 'x' })
  const fired = await hook(event)
  await to.ask('POST', `/api/v1/jobs/${String(fired['job_id'])}/cancel`)
  await hook(event)
  await hook(event, secret, 'open')
  await hook(event, secret, 'none')
  await hook(event, secret, 'a%20b')
  await get('/triggers/same')
}
