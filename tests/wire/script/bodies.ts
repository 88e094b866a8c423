import type { Transcript } from '../transcript.ts'

/** Bodies that are wrong, in every way that a body can be. */

const MIB = 1 << 20

export async function bodies(to: Transcript): Promise<void> {
  await texts(to)
  await depths(to)
  await fields(to)
  await kinds(to)
  await sizes(to)
}

type Body = object | string | Uint8Array

/** Submits a job with a body of which not all may be shown as it is. */
const posting = (to: Transcript) => (body: Body, shown?: string) =>
  to.ask('POST', '/api/v1/jobs', shown === undefined ? { body } : { body, shown })

async function texts(to: Transcript): Promise<void> {
  const post = posting(to)
  to.title('No JSON')
  const TEXTS = ['', '{', '{"workflow_id":', '{a}', "{'a':1}", '[1,]', '{"a":1,}', '01', 'hello', '"text', '{} {}']
  for (const text of TEXTS) await post(text)
  await post('{"a":"line\nbreak"}', '{"a":"line<U+000A>break"}')
  await post(' ', '<a space>')
  await post('\u0000', '<U+0000>')

  to.title('JSON that is no object')
  for (const text of ['[]', 'null', 'true', '7', '"text"']) await post(text)

  to.title('Text that is not as it should be')
  await post('\ufeff{"workflow_id":"none"}', '<byte order mark>{"workflow_id":"none"}')
  await post(Buffer.from('{"workflow_id":"no\xffne"}', 'latin1'), '{"workflow_id":"no<byte ff>ne"}')
  await post(Buffer.from('{"workflow_id":"no\xed\xa0\x80ne"}', 'latin1'), '{"workflow_id":"no<bytes ed a0 80>ne"}')
  await post('{"workflow_id":"no\\ud800ne"}')
  await post('{"workflow_id":"greeting","parameters":{"a":"\\u0000"}}')
  await post('{"workflow_id":"greeting","parameters":{"a\\u0000":1}}')
  await post('{"workflow_id":"none","parameters":{"a":NaN,"b":-Infinity}}')
  await post('{"workflow_id":"first","workflow_id":"none"}')
  await post('{"workflow_id":"none","__proto__":{"a":1}}')
}

async function depths(to: Transcript): Promise<void> {
  const post = posting(to)
  to.title('Depth and number')
  const nested = (depth: number) => `{"workflow_id":"none","parameters":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`
  await post(nested(62), '<nested 63 deep>')
  await post(nested(64), '<nested 65 deep>')
  await post(nested(50_000), '<nested 50,001 deep>')
  await post(`{"workflow_id":"none","parameters":{"a":[${'0,'.repeat(100_000)}0]}}`, '<100,001 members>')
}

async function fields(to: Transcript): Promise<void> {
  const post = posting(to)
  const order = (more: object) => post({ workflow_id: 'greeting', ...more })
  to.title('Fields')
  await post({})
  await post({ workflow_id: 7, priority: 9, retry_safety: 'perhaps' })
  await order({ prioritty: 3 })
  for (const priority of [4, -1, 1.5, '3', 'urgent', null]) await order({ priority })
  for (const parameters of ['a=1', [1], null]) await order({ parameters })
  for (const required_tags of ['a', [1], ['']]) await order({ required_tags })
  for (const timeout_seconds of [0, -1, '60', 1e12]) await order({ timeout_seconds })
  const TIMES = ['2099-01-01T10:00:00', '2099-13-01T10:00:00Z', '2099-02-30T10:00:00Z', '2099-01-01', 'tomorrow', 4e12]
  for (const scheduled_time of TIMES) await order({ scheduled_time })
  await order({ retry_on: 'TimeoutError' })
  await order({ max_attempts: 0 })
  await order({ pool: 'none' })
  await order({ robot_id: '' })
  await post({ workflow_json: '{' })
  await post({ workflow_json: [] })
  await post({ workflow_id: 'none' })
}

async function kinds(to: Transcript): Promise<void> {
  to.title('Kinds of content')
  const kind = (type: string) =>
    to.ask('POST', '/api/v1/jobs', { body: '{"workflow_id":"none"}', headers: { 'Content-Type': type } })
  for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.x+json']) await kind(type)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'json', '']) {
    await kind(type)
  }
}

async function sizes(to: Transcript): Promise<void> {
  to.title('Size')
  const fill = (bytes: number) => {
    const empty = '{"workflow_id":"greeting","parameters":{"a":""}}'
    return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
  }
  for (const chunked of [false, true]) {
    const way = chunked ? 'in chunks' : 'announced'
    for (const [bytes, words] of [[MIB, '1 MiB'], [MIB + 1, '1 MiB and a byte'], [10 * MIB, '10 MiB']] as const) {
      await to.ask('POST', '/api/v1/jobs', { body: fill(bytes), chunked, shown: `<${words}, ${way}>` })
    }
  }
  await to.ask('POST', '/api/v1/jobs', { body: '{"workflow_id":"none"}', chunked: true })
  await to.ask('POST', '/api/v1/jobs', { body: '', chunked: true })
  await to.ask('POST', '/api/v1/jobs', {})
}
