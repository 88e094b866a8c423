import { errorPayload } from '../../core/protocol/encode.ts'
import { type Refusal, REFUSALS } from '../../core/protocol/refusal.ts'

/** A refusal where no fleet answers: as the API reference shows errors. */
export function refusedResponse(request: Request, refusal: Refusal): Response {
  const body = {
    type: 'error',
    payload: errorPayload(refusal),
    correlation_id: request.headers.get('x-request-id') ?? crypto.randomUUID(),
  }
  const { status, retry } = REFUSALS[refusal.refused]
  return Response.json(body, { status, headers: retry ? { 'Retry-After': '5' } : {} })
}
