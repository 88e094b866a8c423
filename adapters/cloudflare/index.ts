import { refuse } from '../../core/base/refusal.ts'
import { problemWithEnv, type WorkerEnv } from './env.ts'
import { serveUnknownFleet } from './unknown-fleet.ts'
import { receiveMail } from './mail.ts'
import { connectRobot, isUpgradeRequest } from './robot-connection.ts'
import { NO_FLEET, refusedResponse } from './refused.ts'
import { fleetExists } from './registry.ts'
import { fleetPath } from '../fleet/path.ts'
import { shownJson, withoutSecrets } from '../../core/base/text.ts'

export { FleetObject } from './object.ts'

/** The orchestrator on Cloudflare: the Worker passes each request to the Durable Object of its fleet. */
const worker: ExportedHandler<WorkerEnv> = {
  async fetch(request, env, ctx) {
    const problem = problemOnce(env)
    if (problem !== null) {
      console.error(`casare: ${problem}`)
      return refusedResponse(request, refuse('UNAVAILABLE', `This installation is not set up: ${problem}`))
    }
    // The platform takes the host of a request from its URL, whatever the header says.
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
      if (!await fleetExists(env, to.name)) return await serveUnknownFleet(request, env)
      const fleet = env.FLEETS.get(env.FLEETS.idFromName(to.name))
      return await (isUpgradeRequest(request) ? connectRobot(request, fleet, ctx) : fleet.fetch(request))
    } catch (error) {
      const entry = { level: 'error', msg: 'a fleet could not be reached', fleet: to.name, error: String(error) }
      console.error(withoutSecrets(shownJson(JSON.stringify(entry))))
      return refusedResponse(request, refuse('UNAVAILABLE', 'This fleet cannot be reached now'))
    }
  },

  async email(message, env) {
    const problem = problemOnce(env)
    if (problem !== null) throw new Error(`This installation is not set up: ${problem}`)
    await receiveMail(message, env)
  },
}

const problems = new WeakMap<WorkerEnv, string | null>()

/** Checks the variables once, since they do not change while a Worker runs. */
function problemOnce(env: WorkerEnv): string | null {
  let problem = problems.get(env)
  if (problem === undefined) problems.set(env, problem = problemWithEnv(env))
  return problem
}

// The platform requires a default export.
export { worker as default }
