import { describe, expect, test } from 'vitest'
import { Secret } from '../../core/base/secret.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import type { GivenCredential, TriggerSaved } from '../../core/events/triggers.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { CHAT_PLATFORM_NAMES, chatPlatformOf } from '../../core/trigger-types/chat-platforms.ts'
import { TRIGGER_TYPE_NAMES, type TriggerType, triggerTypeOf } from '../../core/trigger-types/index.ts'
import { decideCredential, shownCredential } from '../../core/triggers/credentials.ts'
import { answers, bench, ids } from './bench.ts'
import { nothingGiven, secret, trigger } from './triggers.ts'
import { workflow } from './schedules.ts'

/** The rules of credentials, without a shell: stored, shown and refused values. */

const CONFIGS: { readonly [T in TriggerType]?: JsonObject } = {
  email: { server: 'mail.example.org', username: 'ann' },
  chat: { platform: 'slack', user_filter: [], channel_filter: [] },
}
const plain = (text: string): Secret => new Secret(text, ids.secret(text))
const HEX = 'ab'.repeat(28) + '01234567'

interface Before {
  readonly config?: JsonObject
  readonly before?: TriggerRow
}

const decided = (type: TriggerType, given: Partial<GivenCredential>, { config, before }: Before) => {
  const settings = { trigger_type: type, config: config ?? CONFIGS[type] ?? {} } as TriggerSaved['settings']
  const credential = decideCredential({ settings, credential: nothingGiven(given) }, before)
  return isRefusal(credential) ? credential : { ...credential, settings }
}

/** The credential of a trigger that was saved with this, and its row for another save to begin from. */
const saved = (type: TriggerType, given: Partial<GivenCredential> = {}, from: Before = {}) => {
  const credential = decided(type, given, from)
  if (isRefusal(credential)) throw new Error(credential.message)
  const { shown, settings, ...kept } = credential
  return { row: { ...settings, ...kept } as TriggerRow, ...kept, shown: shown?.reveal() ?? null }
}

/** The field that is refused, and why. */
const refused = (type: TriggerType, given: Partial<GivenCredential> = {}, from: Before = {}) => {
  const credential = decided(type, given, from)
  return isRefusal(credential) ? [credential.details['fields'], credential.message].join(': ') : 'saved'
}
const fresh = nothingGiven().fresh

describe('every type has a rule', () => {
  test.each(TRIGGER_TYPE_NAMES)('%s', (type) => {
    const given = { 'password': secret('chosen'), 'platform-key': secret('chosen') } as const
    const rule = triggerTypeOf(type).credential
    const key = rule === 'platform-key' ? plain('slack-signing-secret') : rule === 'password' ? given[rule] : 'kept'
    const first = saved(type, { secret: key })
    // What is saved again without a word about it stays, and is not shown again.
    const again = saved(type, {}, { before: first.row })
    expect(again).toEqual({ ...first, shown: null })
  })
})

describe('callers that show a secret, or sign with it', () => {
  test('a secret that is shown is kept as its hash, one that signs as it is', () => {
    const own = secret('chosen')
    expect(saved('webhook', { secret: own })).toMatchObject({ auth: 'secret', secret: own.hash, signing: null })
    expect(saved('webhook', { auth: 'github', secret: own })).toMatchObject({
      auth: 'github',
      secret: null,
      signing: { key: own.reveal() },
    })
  })

  test('where none is given one is made, in the form of the scheme, and shown', () => {
    expect(saved('webhook')).toMatchObject({ shown: fresh.plain.reveal(), secret: fresh.plain.hash })
    expect(saved('webhook', { auth: 'standard_webhooks' })).toMatchObject({ shown: fresh.standard.reveal() })
  })

  test('another way to call has another secret; a form of signatures can change alone', () => {
    const before = saved('webhook').row
    const form = (header: string) => ({ header, algorithm: 'sha1', encoding: 'hex', prefix: '' }) as const
    const signed = saved('webhook', { auth: 'hmac', signature: form('x-a') }, { before })
    expect(signed).toMatchObject({ shown: fresh.plain.reveal(), secret: null })
    const changed = saved('webhook', { auth: 'hmac', signature: form('x-b') }, { before: signed.row })
    expect(changed).toMatchObject({ shown: null, signing: { header: 'x-b', key: fresh.plain.reveal() } })
  })
})

test('a form has a key that is never shown, beside its access code, and keeps it', () => {
  const open = saved('form')
  expect(open).toMatchObject({ auth: 'none', secret: null, signing: { key: fresh.key.reveal() }, shown: null })
  expect(shownCredential(open.row)).toEqual({ auth: 'none', has_secret: false })
  const locked = saved('form', { auth: 'secret' }, { before: open.row })
  expect(locked).toMatchObject({ auth: 'secret', signing: open.signing })
  expect(locked.shown).not.toBe(fresh.key.reveal())
  expect(shownCredential(locked.row)).toEqual({ auth: 'secret', has_secret: true })
})

describe('a mailbox', () => {
  const password = plain(' p w ')
  const before = saved('email', { secret: password }).row

  test('has a password as it is written, and keeps it', () => {
    expect(saved('email', {}, { before })).toMatchObject({ signing: { key: ' p w ' }, auth: 'none', shown: null })
  })

  test.each([
    ['another server', { server: 'elsewhere.example.org', username: 'ann' }],
    ['another user', { server: 'mail.example.org', username: 'eve' }],
  ])('%s does not get it', (_what, config) => {
    expect(refused('email', {}, { before, config })).toMatch(/^secret: .*needs the password/)
  })

  test('no password, an empty line in it, and an address, which has none', () => {
    expect(refused('email', { secret: 'removed' }, { before })).toMatch(/^secret: .*needs the password/)
    expect(refused('email', { secret: plain('a\nb') })).toContain('control')
    const config = { address: 'orders@example.org' }
    expect(saved('email', {}, { config })).toMatchObject({ auth: 'none', signing: null })
    expect(refused('email', { secret: password }, { config })).toMatch(/^secret: .*has none/)
  })
})

describe('a chat', () => {
  const at = (platform: string) => ({ config: { ...CONFIGS.chat, platform } })

  test.each(CHAT_PLATFORM_NAMES)('%s: a key is made where the platform makes none', (platform) => {
    const given = { fresh: { ...fresh, plain: plain('a-fresh-key-of-telegram') } }
    if (chatPlatformOf(platform).makesItsKey) expect(refused('chat', given, at(platform))).toMatch(/^secret: Missing/)
    else {expect(saved('chat', given, at(platform))).toMatchObject({
        shown: 'a-fresh-key-of-telegram',
        signing: { key: 'a-fresh-key-of-telegram' },
      })}
  })

  test('another platform has another key, and the platform is what is shown', () => {
    const slack = saved('chat', { secret: plain(HEX) }, at('slack')).row
    expect(shownCredential(slack)).toEqual({ auth: 'slack', has_secret: true })
    expect(refused('chat', {}, { ...at('discord'), before: slack })).toMatch(/^secret: Missing/)
    expect(refused('chat', { auth: 'teams' }, { ...at('slack'), before: slack })).toMatch(/^auth: .*slack$/)
  })
})

test('a trigger is saved with its credential in one turn, or refused and unchanged', () => {
  const fleet = bench()
  const event = trigger({ trigger_type: 'webhook' })
  expect(answers(fleet.turn(...workflow(), event)).at(-1)).toMatchObject({
    type: 'saved_trigger',
    trigger: { auth: 'secret', secret: fresh.plain.hash },
    shown: fresh.plain,
  })
  const weak = {
    ...trigger({ trigger_type: 'webhook', name: 'New' }, 1),
    credential: nothingGiven({ secret: plain('short') }),
  }
  expect(answers(fleet.turn(weak as typeof event))).toMatchObject([{ refusal: { refused: 'INVALID_PAYLOAD' } }])
  expect(fleet.disk.rows.triggers.get(ids.trigger('t'))).toMatchObject({ name: 'Trigger', revision: 1 })
})
