import { API } from '../core/api/index.ts'
import { type Route, scopesOf } from '../core/api/route.ts'

const BEGIN = '<!-- Drawn from core/api by `npm run bless`. -->\n'
const END = '<!-- End of what is drawn. -->\n'

/** A page with its table of routes drawn anew, between the two comments that mark it. */
export function withRouteTable(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page lacks ${BEGIN.trim()} or ${END.trim()}`)
  return page.slice(0, begin + BEGIN.length) + table() + page.slice(end)
}

function table(): string {
  const rows = Object.values(API).flatMap((routes) => Object.values<Route>(routes).map(row))
  return ['| route | scope | |', '|---|---|---|', ...rows, ''].join('\n')
}

function row(route: Route): string {
  const scopes = scopesOf(route).map((one) => `\`${one}\``).join(' or ') || 'none'
  return `| \`${route.at}\` | ${
    route.orRobot === true ? `${scopes}, or a robot's own key` : scopes
  } | ${route.summary} |`
}
