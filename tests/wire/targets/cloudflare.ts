import { wranglerDev } from '../../cloudflare/wrangler.ts'
import type { Place, Target } from '../target.ts'

/** The platform's own message when a client is answered before it has sent its whole body. */
const UNSENT = /Uncaught TypeError: Can't read from request stream after response has been sent/
const PROXY_WORKER =
  'https://github.com/cloudflare/workers-sdk/blob/main/packages/wrangler/templates/startDevWorker/ProxyWorker.ts'

/** The orchestrator as a Durable Object, in the workerd that `wrangler dev` runs. One origin: robots come to `/ws`. */
export const cloudflare: Target = {
  name: 'cloudflare',
  // Ten seconds by the platform's rule, and a little until it acts on it.
  sleepsAfterMs: 16_000,
  limits: {
    // The server for development reads the host before the Worker does. In the cloud no such request gets that far.
    '[P67] with a host that is none': PROXY_WORKER,
    '[P67] with a host with a bad port': PROXY_WORKER,
    '[P67] with two hosts': PROXY_WORKER,
  },
  answers: [
    {
      // The platform's WebSocket does not look into text, and what it makes of the bytes is no longer wrong.
      blessed: '  > <text> "<byte ff>"\n    < <closed> 1007\n',
      here: '  > <text> "<byte ff>"\n    < error INVALID_MESSAGE "A message must be a JSON object"\n',
      link: 'https://github.com/capnproto/capnproto/blob/v2/c++/src/kj/compat/http.c++',
    },
  ],
  async start(place) {
    const http = `http://127.0.0.1:${place.ports[0]}`
    const program = await wranglerDev(argsOf(place), `${http}/healthz`)
    return {
      http,
      robots: `${http.replace('http', 'ws')}/ws`,
      admin: place.key,
      pid: program.pid,
      kill: () => program.killTree(),
      signal: (name) => program.signal(name, 'group'),
      // Anything not durable by now would be lost in the cloud too, where an object is evicted without notice.
      stop: () => program.killTree(),
      faults: () =>
        `${program.out}\n${program.err}`.split('\n')
          .filter((line) => /\[ERROR\]|Uncaught|"level":"warn"/.test(line) && !UNSENT.test(line))
          .join('\n'),
    }
  },
}

function argsOf({ data, ports, settings, key }: Place): readonly string[] {
  return [
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
