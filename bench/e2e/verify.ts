import { setTimeout } from 'node:timers/promises'
import type { Server } from './server.ts'

/** A job as the API lists it; times in epoch ms. */
export interface Done {
  readonly id: string
  readonly completedAt: number
}

interface Listed {
  readonly items: readonly { readonly id: string; readonly status: string; readonly completed_at: string | null }[]
  readonly next_cursor: string | null
}

/** The number of jobs whose whole history is read. */
const HISTORIES = 200
const LIFE = 'submit offer accept complete'

/** Waits until no job is alive. */
export async function settled(server: Server): Promise<void> {
  while ((await server.api<{ live_jobs: number }>('/healthz')).live_jobs > 0) await setTimeout(20)
}

/**
 * Every job there is, read through the API. Throws unless each acknowledged job is there once and completed, no other
 * job is there, and a sample of them has the history of a job that was offered, accepted and completed once.
 */
export async function verified(server: Server, acknowledged: readonly string[]): Promise<readonly Done[]> {
  const done: Done[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: Listed = await server.api<Listed>(`/api/v1/jobs?limit=200${after}`)
    for (const { id, status, completed_at } of page.items) {
      if (status !== 'completed') throw new Error(`job ${id} is ${status}`)
      done.push({ id, completedAt: Date.parse(completed_at ?? '') })
    }
    cursor = page.next_cursor
  }
  const ids = new Set(done.map(({ id }) => id))
  const expected = new Set(acknowledged)
  if (ids.size !== done.length) throw new Error(`${done.length - ids.size} jobs are listed twice`)
  if (expected.size !== acknowledged.length) throw new Error('an id was given out twice')
  const lost = acknowledged.filter((id) => !ids.has(id))
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged jobs are not there: ${lost[0]}`)
  if (ids.size !== expected.size) throw new Error(`${ids.size - expected.size} jobs are there that nobody submitted`)
  const step = Math.max(1, Math.floor(acknowledged.length / HISTORIES))
  for (let i = 0; i < acknowledged.length; i += step) await lived(server, acknowledged[i] ?? '')
  return done
}

async function lived(server: Server, id: string): Promise<void> {
  const { items } = await server.api<{ items: readonly { event: string }[] }>(`/api/v1/jobs/${id}/history`)
  const life = items.map(({ event }) => event).join(' ')
  if (life !== LIFE) throw new Error(`the history of job ${id} is: ${life}`)
}
