import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

const secret = process.env['WEBHOOK_SECRET'] ?? ''
const seen = new Set<string>()

const server = createServer(async (request, response) => {
  const id = String(request.headers['webhook-id'])
  try {
    // The body as it came, before it is parsed. Throws when it was not signed with the secret, or is five minutes old.
    const event = new Webhook(secret).verify(
      await text(request),
      request.headers as Record<string, string>,
    ) as { type: string; data: { job_id: string } }
    if (!seen.has(id)) console.log(event.type, event.data.job_id)
    seen.add(id) // In a database: it may come again after a restart, of yours or of the orchestrator.
    response.writeHead(204).end()
  } catch (error) {
    response.writeHead(400).end(String(error))
  }
})
server.listen(Number(process.env['PORT']), '127.0.0.1', () => console.log('listening'))
