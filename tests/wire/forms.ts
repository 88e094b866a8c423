import type { Api, JobView } from './api.ts'

/** One field of most types. */
export const FIELDS = [
  { name: 'company', type: 'text', label: 'Company', required: true },
  { name: 'amount', type: 'number', min: 0, max: 1000 },
  { name: 'count', type: 'integer' },
  { name: 'start', type: 'date' },
  { name: 'terms', type: 'radio', options: ['30', '60'], default: '30' },
  { name: 'goods', type: 'multiselect', options: ['raw', 'parts', 'services'] },
  { name: 'agreed', type: 'checkbox' },
  { name: 'notes', type: 'textarea' },
]

let forms = 0

/** A form that has been set up. */
export interface Made {
  readonly id: string
  readonly path: string
  readonly secret: string | null
}

/** Sets up a form, with these fields or others. */
export async function form(server: Api, config: object = {}, options: object = {}): Promise<Made> {
  const id = `form-${++forms}`
  const made = await server.api('POST', '/triggers', {
    id,
    name: 'New supplier',
    trigger_type: 'form',
    workflow_id: 'greeting',
    config: { fields: FIELDS, ...config },
    ...options,
  })
  return { id, path: `/form/${id}`, secret: made['secret'] as string | null }
}

/** The jobs that a form has made, as their own pages show them. */
export async function jobsOf(server: Api, id: string): Promise<readonly JobView[]> {
  const { items } = await server.api<{ readonly items: readonly JobView[] }>('GET', `/jobs?trigger_id=${id}`)
  return await Promise.all(items.map((job) => server.job(job.id)))
}

/** A form as somebody sees it who reads HTML: no more is known of it than a browser would. */
export interface Page {
  readonly status: number
  readonly headers: Headers
  readonly html: string
}

/** A browser as far as forms go: it keeps the cookie of each, and sends what is in the hidden fields of a page. */
export class Visitor {
  readonly #server: Api
  readonly #cookies = new Map<string, string>()

  constructor(server: Api) {
    this.#server = server
  }

  async open(path: string): Promise<Page> {
    return await this.#ask(path, { method: 'GET' })
  }

  /** Sends what is written, with the token of the page that it was written on. */
  async send(
    path: string,
    page: Page,
    written: Readonly<Record<string, string | readonly string[]>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    const body = new URLSearchParams({ 'casare-token': tokenOf(page) })
    for (const [name, values] of Object.entries(written)) for (const value of [values].flat()) body.append(name, value)
    return await this.post(path, body, headers)
  }

  async post(
    path: string,
    body: URLSearchParams | FormData | Uint8Array<ArrayBuffer> | string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    return await this.#ask(path, { method: 'POST', body, headers })
  }

  /** Opens the form, sends it, and follows where that leads. */
  async fillIn(path: string, written: Parameters<Visitor['send']>[2]): Promise<Page> {
    const sent = await this.send(path, await this.open(path), written)
    const to = sent.headers.get('location')
    return to === null ? sent : await this.open(to)
  }

  forget(): void {
    this.#cookies.clear()
  }

  async #ask(path: string, init: RequestInit & { readonly headers?: Readonly<Record<string, string>> }): Promise<Page> {
    const cookie = [...this.#cookies].filter(([under]) => path.startsWith(under)).map(([, value]) => value).join('; ')
    const headers = { ...init.headers, ...(cookie === '' ? {} : { Cookie: cookie }) }
    const response = await fetch(this.#server.http + path, { ...init, headers, redirect: 'manual' })
    for (const set of response.headers.getSetCookie()) {
      this.#cookies.set(/Path=([^;]+)/i.exec(set)?.[1] ?? '/', set.split(';')[0] ?? '')
    }
    return { status: response.status, headers: response.headers, html: await response.text() }
  }
}

/** The token on a page; empty where there is none. */
export function tokenOf({ html }: Page): string {
  return /name="casare-token" value="([^"]*)"/.exec(html)?.[1] ?? ''
}

/** The problems listed on a page, in order. */
export function problemsOn({ html }: Page): readonly string[] {
  return [...html.matchAll(/<li>(?:<a [^>]*>)?([^<]*)/g)].map(([, words = '']) => words.replaceAll('&#39;', "'"))
}

/** The heading of the box above a form, or of a page without one. */
export function headingOf({ html }: Page): string {
  return /<h2[^>]*>([^<]*)/.exec(html)?.[1] ?? /<h1[^>]*>([^<]*)/.exec(html)?.[1] ?? ''
}
