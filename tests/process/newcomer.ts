import { CasareClient } from 'casare-orchestrator/client'
import { Robot } from 'casare-orchestrator/robot'

const url = process.env['CASARE_URL'] ?? 'http://127.0.0.1:8766'
const key = process.env['CASARE_KEY']
const client = new CasareClient({ url, key })

// Any JSON with a format: what is in it is between you and your handler.
const workflow = { id: 'book-invoice', name: 'Book an invoice', json_definition: { format: 'custom' } }
await client.workflows.create(workflow).catch(() => client.workflows.update(workflow.id, workflow))
await client.workflows.publish(workflow.id)

const robot = new Robot({
  url: `${url.replace('http', 'ws')}/ws`,
  key,
  id: 'invoices-1',
  handlers: { 'book-invoice': (job) => ({ booked: job.parameters['number'] }) },
})
await robot.start()

const job = await client.jobs.submit({ workflow_id: workflow.id, parameters: { number: 7 } })
const { status, result } = await client.jobs.wait(job.id)
console.log(status, result)
await robot.stop()
