import { nodeForWrangler, WRANGLER, WRANGLER_ENV } from '../../cloudflare/wrangler.ts'
import { Program } from '../../process/program.ts'
import { until } from '../api.ts'
import type { Place, Target } from '../target.ts'

/** It bundles the source at each start. */
const READY_MS = 60_000

/** The orchestrator as a Durable Object, in the workerd that `wrangler dev` runs. One origin: robots come to `/ws`. */
export const cloudflare: Target = {
  name: 'cloudflare',
  // Ten seconds by the platform's rule, and a little until it acts on it.
  sleepsAfterMs: 16_000,
  limits: {},
  answers: [
    {
      // The platform's WebSocket does not look into text, and what it makes of the bytes is no longer wrong.
      blessed: '  > <text> "<byte ff>"\n    < <closed> 1007\n',
      here: '  > <text> "<byte ff>"\n    < error INVALID_MESSAGE "A message must be a JSON object"\n',
      link: 'https://github.com/capnproto/capnproto/blob/v2/c++/src/kj/compat/http.c++',
    },
  ],
  async start(place) {
    const program = new Program(nodeForWrangler(), argsOf(place), WRANGLER_ENV)
    const [port] = place.ports
    const http = `http://127.0.0.1:${port}`
    await until(`wrangler dev is ready on port ${port}\n`, async () => {
      // After a build that failed it waits for a better one, for ever.
      if (!program.running || program.err.includes('Build failed')) throw new Error('wrangler dev has not started')
      const health = await fetch(`${http}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
      await health?.body?.cancel()
      return health?.status === 200 ? true : undefined
    }, READY_MS).catch(async (error: unknown) => {
      await program.killTree()
      throw new Error(`${String(error)}\n${program.out}${program.err}`)
    })
    return {
      http,
      robots: `ws://127.0.0.1:${port}/ws`,
      admin: place.key,
      kill: () => program.killTree(),
      // Whatever is not durable by now would be lost in the cloud too: there nobody is asked before an object goes.
      stop: () => program.killTree(),
      faults: () =>
        `${program.out}\n${program.err}`.split('\n').filter((line) => /\[ERROR\]|Uncaught/.test(line)).join('\n'),
    }
  },
}

function argsOf({ data, ports, settings, key }: Place): readonly string[] {
  return [
    WRANGLER,
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(ports[0]),
    '--persist-to',
    data,
    '--var',
    `CASARE_ADMIN_KEY:${key}`,
    '--var',
    `CASARE_SETTINGS:${JSON.stringify(settings)}`,
  ]
}
