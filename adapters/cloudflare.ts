import { withoutSecrets } from '../core/protocol/credential.ts'
import { shownJson } from '../core/protocol/plain.ts'
import { refuse } from '../core/protocol/refusal.ts'
import { type Env, problemWith } from './cloudflare/env.ts'
import { serveInLobby } from './cloudflare/lobby.ts'
import { takeMail } from './cloudflare/mail.ts'
import { connect, isUpgrade } from './cloudflare/cutting.ts'
import { NO_FLEET, refusedResponse } from './cloudflare/refused.ts'
import { isMade } from './cloudflare/registry.ts'
import { fleetPath } from './fleet-path.ts'

export { FleetObject } from './cloudflare/object.ts'

/** The orchestrator on Cloudflare: the Worker finds the Durable Object that is the fleet, and nothing else. */
const worker: ExportedHandler<Env> = {
  async fetch(request, env, ctx) {
    const problem = problemOnce(env)
    if (problem !== null) {
      console.error(`casare: ${problem}`)
      return refusedResponse(request, refuse('UNAVAILABLE', `This installation is not set up: ${problem}`))
    }
    // The host of a request is in its URL, whatever stands in the header.
    if (!URL.canParse(request.url)) {
      return refusedResponse(
        request,
        refuse('INVALID_MESSAGE', 'The header host must be a host, with a port or without'),
      )
    }
    const url = new URL(request.url)
    const to = fleetPath(url.pathname)
    if (to === null) return refusedResponse(request, NO_FLEET)
    try {
      if (!await isMade(env, to.name)) return await serveInLobby(request, env)
      const fleet = env.FLEETS.get(env.FLEETS.idFromName(to.name))
      return await (isUpgrade(request) ? connect(request, fleet, ctx) : fleet.fetch(request))
    } catch (error) {
      const entry = { level: 'error', msg: 'a fleet could not be reached', fleet: to.name, error: String(error) }
      console.error(withoutSecrets(shownJson(JSON.stringify(entry))))
      return refusedResponse(request, refuse('UNAVAILABLE', 'This fleet cannot be reached now'))
    }
  },

  async email(message, env) {
    const problem = problemOnce(env)
    if (problem !== null) throw new Error(`This installation is not set up: ${problem}`)
    await takeMail(message, env)
  },
}

const problems = new WeakMap<Env, string | null>()

/** Variables do not change while a Worker runs: they are looked at once. */
function problemOnce(env: Env): string | null {
  let problem = problems.get(env)
  if (problem === undefined) problems.set(env, problem = problemWith(env))
  return problem
}

// The platform asks for a default export.
export { worker as default }
