import { describe, expect, test } from 'vitest'
import type { FleetHost } from '../../../adapters/hosting/fleets.ts'
import { createKey, createWebhook, publishSamples } from '../../../adapters/commands/installation.ts'
import type { FleetHandle } from '../../../adapters/hosting/open-fleet.ts'
import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { RequestIdentity } from '../../../adapters/hosting/access-list.ts'
import type { KeyId, SecretHash } from '../../../core/base/ids.ts'
import { isRefusal } from '../../../core/base/refusal.ts'
import { type Lab, lab, used } from './hosted.ts'

/** The callers for which the fleets of a process are opened. */

const SAMPLE = JSON.stringify({
  metadata: { name: 'Own' },
  nodes: { start: { node_type: 'StartNode' }, end: { node_type: 'EndNode' } },
  connections: [],
})

describe('who shows no key', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e']
  /** Fleets that have a key and a webhook each, all of them closed. */
  async function closed(max: number): Promise<Lab & { readonly keys: ReadonlyMap<string, SecretHash> }> {
    const made = lab([], { fleetsOpenMax: max })
    const keys = new Map<string, SecretHash>()
    for (const name of NAMES) {
      const created = await made.host.create(name)
      if (isRefusal(created)) throw new Error(created.message)
      keys.set(name, hashOf(created.adminKey))
      const { fleet, release } = await used(made.host, name)
      await publishSamples(fleet, [{ id: 'own', json: SAMPLE }])
      await createWebhook(fleet, 'own', 'Own')
      release()
      made.clock.now += 10_000
    }
    ;(await used(made.host, 'e')).release()
    made.clock.now += 10_000
    return { ...made, keys }
  }
  const by = async (host: FleetHost, name: string, visitor: RequestIdentity): Promise<FleetHandle | string> => {
    const got = await host.acquire(name, visitor)
    return isRefusal(got) ? got.refused : got
  }
  const doneOf = (got: FleetHandle | string): () => void => {
    if (typeof got === 'string') throw new Error(got)
    return got.release
  }
  const HOOK: RequestIdentity = { credential: null, trigger: 'webhook/own' }

  test('opens no fleet, whether there is one or not', async () => {
    const { host, open, keys } = await closed(1)
    const before = [...open]
    const other = keys.get('b') ?? null
    for (const visitor of [{ credential: null, trigger: null }, { credential: other, trigger: 'webhook/x' }]) {
      for (const name of ['a', 'none', 'e']) expect(await by(host, name, visitor)).toBe('AUTHENTICATION_FAILED')
    }
    expect(await by(host, 'a', { credential: null, trigger: 'form/own' })).toBe('AUTHENTICATION_FAILED')
    expect([...open]).toEqual(before)
    doneOf(await by(host, 'b', { credential: other, trigger: null }))()
    expect([...open]).toEqual(['b'])
  })

  test('has half of the places with the addresses of triggers, and gives them up to whoever has a key', async () => {
    const { host, open, keys, clock } = await closed(4)
    clock.now += 10_000
    const held = [await by(host, 'a', HOOK), await by(host, 'b', HOOK)]
    expect(held.map((one) => typeof one)).toEqual(['object', 'object'])
    expect(await by(host, 'c', HOOK)).toBe('UNAVAILABLE')
    const keyed = []
    for (const name of ['c', 'd', 'e']) {
      keyed.push(await by(host, name, { credential: keys.get(name) ?? null, trigger: null }))
    }
    expect(keyed.map((one) => typeof one)).toEqual(['object', 'object', 'object'])
    expect([...open].filter((name) => name === 'a' || name === 'b')).toHaveLength(1)
    // Releasing a hold that was already given up has no effect.
    for (const got of [...held, ...keyed]) doneOf(got)()
  })

  test('a key that is revoked is none, and one that is made counts at once', async () => {
    const { host, keys, clock } = await closed(1)
    const credential = keys.get('a') ?? null
    const { fleet, release } = await used(host, 'a')
    const second = hashOf(await createKey(fleet, 'second', ['admin']))
    const [first] = [...fleet.state.keys.values()]
    await fleet.request((reply) => ({ type: 'key.revoked', reply, key: first?.id as KeyId }))
    release()
    expect(await by(host, 'a', { credential, trigger: null })).toBe('AUTHENTICATION_FAILED')
    clock.now += 10_000
    ;(await used(host, 'b')).release()
    expect(await by(host, 'a', { credential, trigger: null })).toBe('AUTHENTICATION_FAILED')
    clock.now += 10_000
    expect(typeof await by(host, 'a', { credential: second, trigger: null })).toBe('object')
  })
})
