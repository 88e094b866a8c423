/**
 * Has `fetch` let go of a connection that was idle for half a second, long before any server does. On a busy machine its own
 * deadline comes late, and a server that closes after five seconds may do so in the very moment in which the next request goes out.
 */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
const IDLE_MS = 500

interface Dispatcher {
  readonly constructor: new (
    options: { readonly keepAliveTimeout: number; readonly keepAliveMaxTimeout: number },
  ) => Dispatcher
}

// The platform makes its dispatcher when `fetch` is used first, and has no import for it.
await fetch('data:,')
const platform = globalThis as { [DISPATCHER]?: Dispatcher }
const given = platform[DISPATCHER]
if (given === undefined) throw new Error('this version of Node keeps the dispatcher of fetch elsewhere')
platform[DISPATCHER] = new given.constructor({ keepAliveTimeout: IDLE_MS, keepAliveMaxTimeout: IDLE_MS })
