import { expect, vi } from 'vitest'
import { CasareClient, type CasareError, type ClientOptions, type NewJob } from '../../../client/client.ts'

/** A client whose requests are answered as a test says. */

export interface Asked {
  readonly path: string
  readonly jobs: readonly { readonly idempotency_key: string; readonly workflow_id: string }[]
  readonly signal: AbortSignal
  /** Answers it. */
  readonly answer: (response: Response) => void
}

/** A client and its requests, which are answered as the test says. */
export function watched(options: Partial<ClientOptions> = {}) {
  const asked: Asked[] = []
  const fetch: ClientOptions['fetch'] = (url, { body, headers, signal }) =>
    new Promise((answer, reject) => {
      const read = JSON.parse(String(body)) as { readonly jobs?: Asked['jobs'] } & Asked['jobs'][number]
      const alone = { ...read, idempotency_key: new Headers(headers).get('idempotency-key') ?? '' }
      signal?.addEventListener('abort', () => reject(signal.reason as Error))
      asked.push({
        path: url.slice(url.indexOf('/api')),
        jobs: read.jobs ?? [alone],
        signal: signal as AbortSignal,
        answer,
      })
    })
  return { asked, client: new CasareClient({ url: 'http://casare.test', fetch, ...options }) }
}

export const SINGLE = '/api/v1/jobs'
export const BATCH = '/api/v1/jobs/batch?whole=true'
export const job = (n: number): NewJob => ({ workflow_id: `w${n}` })

/** The answer to a request in which every job is made, but those that `refuse` has something against. */
export function made({ path, jobs }: Asked, refuse: (id: string) => object | undefined = () => undefined): Response {
  const items = jobs.map(({ workflow_id }) => refuse(workflow_id) ?? { status: 201, job: { id: workflow_id } })
  return new Response(JSON.stringify(path === BATCH ? { items } : { id: jobs[0]?.workflow_id }))
}

/** The ids that calls resolve with, or the codes of their errors. */
export const outcomes = (calls: readonly Promise<{ readonly id: string }>[]): Promise<readonly string[]> =>
  Promise.all(calls.map((call) => call.then(({ id }) => id, (error: CasareError) => error.code ?? error.message)))

/** Waits until so many requests have been made. */
export const reached = (count: number, asked: readonly Asked[]): Promise<void> =>
  vi.waitFor(() => expect(asked.length).toBe(count), { interval: 1 })
