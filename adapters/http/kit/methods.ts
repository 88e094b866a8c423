import type { Hono } from 'hono'
import { METHOD_NAME_ALL } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'
import type { HonoEnv } from './env.ts'

/** The methods that each address of an app supports. Computed only when an unsupported one is requested. */
export function methodsOf(app: Hono<HonoEnv>): (path: string) => readonly string[] {
  let router: TrieRouter<string> | undefined
  return (path) => {
    router ??= routerOf(app)
    const [found] = router.match(METHOD_NAME_ALL, path)
    const methods = new Set(found.map(([method]) => method))
    // GET always includes HEAD.
    if (methods.has('GET')) methods.add('HEAD')
    return [...methods].toSorted()
  }
}

function routerOf(app: Hono<HonoEnv>): TrieRouter<string> {
  const router = new TrieRouter<string>()
  // Middleware is registered for every method.
  for (const { method, path } of app.routes) if (method !== METHOD_NAME_ALL) router.add(METHOD_NAME_ALL, path, method)
  return router
}
