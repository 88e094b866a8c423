import { errorPayload } from '../../core/protocol/encode.ts'
import { type Refusal, REFUSALS, refuse } from '../../core/base/refusal.ts'
import { headersOf, NOSNIFF, requestIdHeader } from '../http/kit/response.ts'
import { drainBody } from './body.ts'

/** The refusal for a fleet that does not exist. */
export const NO_FLEET: Refusal = refuse('NOT_FOUND', 'This fleet does not exist')

/** A refusal where no fleet answers, in the usual format of errors. */
export async function refusedResponse(request: Request, refusal: Refusal): Promise<Response> {
  const named = requestIdHeader(request.headers.get('x-request-id'))
  const body = {
    type: 'error',
    payload: errorPayload(refusal),
    correlation_id: named['X-Request-Id'],
  }
  const { status } = REFUSALS[refusal.refused]
  const response = Response.json(body, { status, headers: { ...NOSNIFF, ...named, ...headersOf(refusal) } })
  await drainBody(request, response)
  return response
}
