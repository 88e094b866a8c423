import { refuse } from '../core/protocol/refusal.ts'
import { type Env, problemWith } from './cloudflare/env.ts'
import { refusedResponse } from './cloudflare/refused.ts'
import { splitFleetPath } from './fleet-path.ts'

export { FleetObject } from './cloudflare/object.ts'

/** The orchestrator on Cloudflare: the Worker finds the Durable Object that is the fleet, and nothing else. */
const worker: ExportedHandler<Env> = {
  fetch(request, env) {
    const problem = problemWith(env)
    if (problem !== null) {
      console.error(`casare: ${problem}`)
      return refusedResponse(request, refuse('UNAVAILABLE', `This installation is not set up: ${problem}`))
    }
    const url = new URL(request.url)
    const to = splitFleetPath(url.pathname)
    if (to === null) return refusedResponse(request, refuse('NOT_FOUND', 'There is no such fleet'))
    url.pathname = to.path
    return env.FLEETS.get(env.FLEETS.idFromName(to.fleet)).fetch(new Request(url, request))
  },
}

// The platform asks for a default export.
export { worker as default }
