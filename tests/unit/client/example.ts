import { CasareClient, CasareError } from 'casare-orchestrator/client'

const client = new CasareClient({
  url: process.env['CASARE_URL'] ?? 'http://127.0.0.1:8766',
  key: process.env['CASARE_KEY'],
})

const job = await client.jobs.submit({
  workflow_id: 'orders-total',
  parameters: { region: 'north' },
  priority: 'high',
})
const ended = await client.jobs.wait(job.id, { signal: AbortSignal.timeout(60_000) })
console.log(ended.status, ended.result)

const outcomes = await client.jobs.submitBatch([
  { workflow_id: 'orders-total', parameters: { region: 'north' }, required_tags: ['sap'], idempotency_key: 'north-1' },
  { workflow_id: 'no-such-workflow' },
])
for (const { status, job: made, error } of outcomes) console.log(status, made?.status ?? error?.error_code)

for await (const { id, status } of client.jobs.list({ status: ['completed', 'failed'], workflow_id: 'orders-total' })) {
  console.log(id === job.id, status)
}
for await (const { level, message } of client.jobs.logs(job.id)) {
  console.log(level, message)
  break
}
const events: string[] = []
for await (const { event } of client.jobs.history(job.id)) events.push(event)
console.log(events.join(', '))

const stuck = await client.jobs.submit({ workflow_id: 'orders-total', required_tags: ['sap'] })
const { summary, would_run_if } = await client.jobs.explain(stuck.id)
console.log(summary, would_run_if.map(({ message }) => message))

await client.jobs.cancel(stuck.id, { reason: 'Not needed any more' })
try {
  await client.jobs.cancel(stuck.id)
} catch (error) {
  if (!(error instanceof CasareError)) throw error
  console.log(error.code, error.status, error.retryAfter)
}

import { ExactNumber, parseExact } from 'casare-orchestrator/client'

const exact = new CasareClient({
  url: process.env['CASARE_URL'] ?? 'http://127.0.0.1:8766',
  key: process.env['CASARE_KEY'],
  parse: parseExact,
})
const order = await exact.jobs.submit({
  workflow_id: 'orders-total',
  required_tags: ['sap'],
  parameters: { id: 9007199254740993n, rate: new ExactNumber('1e400') },
})
const { parameters } = await exact.jobs.get(order.id)
console.log(parameters)
await exact.jobs.cancel(order.id)
