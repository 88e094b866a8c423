import type { Transcript } from '../transcript.ts'

/** Addresses, methods and keys: who is answered at all, and what there is. */

export async function addresses(to: Transcript): Promise<void> {
  await keys(to)
  await methods(to)
  await paths(to)
  await lists(to)
  await names(to)
}

async function keys(to: Transcript): Promise<void> {
  to.title('What there is without a key')
  await to.ask('GET', '/', { authorization: null })
  await to.ask('HEAD', '/', { authorization: null })
  await to.ask('HEAD', '/healthz', { authorization: null })
  await to.ask('GET', '/api/v1/jobs', { authorization: null })
  await to.ask('GET', '/nothing', { authorization: null })
  await to.ask('GET', '/api/v1/nothing', { authorization: null })

  to.title('Keys that open nothing')
  const KEYS = ['Bearer crpa_wrong', 'Bearer', 'Bearer  ', 'Basic YTpi', 'crpa_wrong', 'Bearer a b', '']
  for (const authorization of KEYS) await to.ask('GET', '/api/v1/jobs', { authorization })
  await to.ask('GET', '/api/v1/jobs?api_key=crpa_wrong', { authorization: null })

  to.title('Keys that open a part')
  const reader = await to.ask('POST', '/api/v1/keys', { body: { name: 'reader', scopes: ['jobs:read'] } })
  const as = { name: 'the reader', key: String(reader['key']) }
  await to.ask('GET', '/api/v1/jobs', { as })
  await to.ask('POST', '/api/v1/jobs', { as, body: {} })
  await to.ask('GET', '/api/v1/keys', { as })
  await to.ask('DELETE', `/api/v1/keys/${String(reader['id'])}`)
  await to.ask('DELETE', `/api/v1/keys/${String(reader['id'])}`)
  await to.ask('GET', '/api/v1/jobs', { as })
}

async function methods(to: Transcript): Promise<void> {
  to.title('Other methods')
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) await to.ask(method, '/api/v1/jobs')
  for (const method of ['HEAD', 'OPTIONS', 'DELETE']) await to.ask(method, '/api/v1/jobs/none')
  await to.ask('POST', '/healthz', { authorization: null })
  await to.ask('GET', '/webhook/nothing', { authorization: null })
}

async function paths(to: Transcript): Promise<void> {
  const get = (path: string) => to.ask('GET', path)
  to.title('Odd paths')
  await get('//')
  await get('//api/v1/jobs')
  await get('/api/v1//jobs')
  await get('/api/v1/jobs/')
  await get('/API/v1/jobs')
  await get('/api/v1/./nothing')
  await get('/api/v1/../v1/nothing')
  await get('/api/v1/%2e%2e/nothing')
  await get('/api/v1/jobs/..%2f..%2fetc')
  await get('/api/v1/jobs/%00')
  await get('/api/v1/jobs/%ff%fe')
  await get('/api/v1/jobs/%')
  await get('/api/v1/jobs/%e0%')
  await get('/api/v1/jobs/a%20b+c')
  await get('/api/v1/jobs/Z%C3%BCrich')
  await get('/api/v1/robots/__proto__')
  await get(`/api/v1/jobs/${'x'.repeat(4_000)}`)
  await get('/api/v1/jobs/none?%')
  await get('/api/v1/jobs/none#fragment')
  await get('/webhook')
  await get('/webhook/')
}

async function lists(to: Transcript): Promise<void> {
  const get = (path: string) => to.ask('GET', path)
  to.title('Lists that cannot be')
  const QUERIES = ['limit=0', 'limit=201', 'limit=1.5', 'limit=x', 'limit=', 'cursor=junk', 'cursor=', 'status=odd']
  for (const query of QUERIES) await get(`/api/v1/jobs?${query}`)
  await get('/api/v1/jobs?limit=1&limit=x')
  await get('/api/v1/workflows?limit=0')
}

async function names(to: Transcript): Promise<void> {
  to.title('Names of requests')
  const named = (id: string) => to.ask('GET', '/api/v1/jobs/none', { headers: { 'X-Request-Id': id } })
  await named('req-1:a.b_c')
  await named('a name with spaces')
  await named('x'.repeat(129))
}
