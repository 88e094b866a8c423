import * as v from 'valibot'
import { ErrorView } from '../../core/api/error.ts'
import { API } from '../../core/api/index.ts'
import { type Route, statusesOf } from '../../core/api/route.ts'

/** Every answer that a test sees is what the contract says, refusals too. */

interface Matcher {
  readonly method: string
  readonly path: RegExp
  readonly name: string
  readonly route: Route
}

const ROUTES: readonly Matcher[] = Object.entries(API).flatMap(([group, routes]) =>
  Object.entries<Route>(routes).map(([name, route]): Matcher => {
    const [method = '', path = ''] = route.at.split(' ')
    return { method, path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`), name: `${group}.${name}`, route }
  })
)

/** Throws where an answer of the API differs from the contract. `path` may be below a fleet, and have a query. */
export function checkAnswer(method: string, path: string, status: number, body: unknown): void {
  const [, at = ''] = /^(?:\/fleets\/[^/]+)?(\/api\/v1\/[^?#]*|\/healthz(?![^?#]))/.exec(path) ?? []
  if (at === '' || status === 304) return
  // A fixed path goes before one with a name in it.
  const found = ROUTES.filter((one) => one.method === method && one.path.test(at))
    .toSorted((a, b) => Number(a.route.at.includes('{')) - Number(b.route.at.includes('{')))[0]
  const isExpected = found !== undefined && statusesOf(found.route).includes(status)
  // A status of the contract may be a refusal all the same: 503 of a fleet that cannot be opened.
  if (status >= 400 && (!isExpected || isErrorBody(body))) return check(`${method} ${path}: ${status}`, ErrorView, body)
  if (found === undefined) return
  if (!isExpected) throw new Error(`${method} ${path}: the contract of ${found.name} has no status ${status}`)
  check(`${method} ${path}, ${found.name}`, found.route.answer, body)
}

function isErrorBody(body: unknown): boolean {
  return (body as { readonly type?: unknown }).type === 'error'
}

function check(what: string, schema: v.GenericSchema, body: unknown): void {
  const { issues } = v.safeParse(schema, body)
  if (issues === undefined) return
  const lines = issues.map((issue) => `  ${v.getDotPath(issue) ?? '(whole)'}: ${issue.message}`)
  throw new Error(`the answer is not what the contract says. ${what}\n${lines.join('\n')}\n${JSON.stringify(body)}`)
}
