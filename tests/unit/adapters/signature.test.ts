import { createHmac } from 'node:crypto'
import { sign } from '@octokit/webhooks-methods'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { isRefusal } from '../../../core/base/refusal.ts'
import { type IncomingRequest, verifySignature } from '../../../adapters/crypto/signatures.ts'
import type { SigningKey } from '../../../core/records/trigger.ts'

/** Signatures as the senders document and make them. */

const signing = (key: string, more: Partial<SigningKey> = {}): SigningKey => ({
  header: '',
  algorithm: 'sha256',
  encoding: 'hex',
  prefix: '',
  ...more,
  key,
})

function call(body: string, headers: Readonly<Record<string, string>>, seconds = 0): IncomingRequest {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    bytes: Uint8Array.from(new TextEncoder().encode(body)),
    header: (name) => lower[name.toLowerCase()],
    now: seconds * 1_000,
  }
}

type Case = readonly [
  scheme: Parameters<typeof verifySignature>[0],
  key: SigningKey,
  body: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
  delivery: string | null,
]

const hmac = (algorithm: string, key: string, text: string, encoding: 'hex' | 'base64') =>
  createHmac(algorithm, key).update(text).digest(encoding)

const STANDARD = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const STANDARD_BODY = '{"test": 2432232314}'
const STANDARD_HEADERS = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': '1614265330',
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}
const SLACK_BODY =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
const STRIPE_KEY = 'whsec_of_an_endpoint_of_stripe'
const STRIPE_BODY = '{"id":"evt_1","type":"charge.succeeded"}'
const stripe = (seconds: number) => `t=${seconds},v1=${hmac('sha256', STRIPE_KEY, `${seconds}.${STRIPE_BODY}`, 'hex')}`
const SHOPIFY_BODY = '{"id":820982911946154508}'
// The key of its manual.
const TEAMS_KEY = 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA='
const OWN = { header: 'X-Signature', algorithm: 'sha512', encoding: 'base64', prefix: 'sha512=' } as const

/** The published examples: of the Standard Webhooks' specification, of GitHub's and of Slack's manual. */
const CASES: Readonly<Record<string, Case>> = {
  'Standard Webhooks': [
    'standard_webhooks',
    signing(STANDARD),
    STANDARD_BODY,
    STANDARD_HEADERS,
    1614265330,
    STANDARD_HEADERS['webhook-id'],
  ],
  GitHub: [
    'github',
    signing("It's a Secret to Everybody"),
    'Hello, World!',
    {
      'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    },
    0,
    '72d3162e-cc78-11e3-81ab-4c9367dc0958',
  ],
  Slack: [
    'slack',
    signing('8f742231b10e8888abcd99yyyzzz85a5'),
    SLACK_BODY,
    {
      'X-Slack-Request-Timestamp': '1531420618',
      'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    },
    1531420618,
    null,
  ],
  Stripe: [
    'stripe',
    signing(STRIPE_KEY),
    STRIPE_BODY,
    { 'Stripe-Signature': stripe(1_700_000_000) },
    1_700_000_000,
    null,
  ],
  Shopify: [
    'shopify',
    signing('a secret of shopify'),
    SHOPIFY_BODY,
    {
      'X-Shopify-Hmac-Sha256': hmac('sha256', 'a secret of shopify', SHOPIFY_BODY, 'base64'),
      'X-Shopify-Webhook-Id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
    },
    0,
    'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
  ],
  'Microsoft Teams': [
    'teams',
    signing(TEAMS_KEY),
    '{"type":"message"}',
    {
      Authorization: `HMAC ${
        createHmac('sha256', Buffer.from(TEAMS_KEY, 'base64')).update('{"type":"message"}').digest('base64')
      }`,
    },
    0,
    null,
  ],
  'a scheme of its own': [
    'hmac',
    signing('a key of its own', OWN),
    'any text, even this',
    { 'X-Signature': `sha512=${hmac('sha512', 'a key of its own', 'any text, even this', 'base64')}` },
    0,
    null,
  ],
}

describe.each(Object.entries(CASES))('%s', (_name, [scheme, key, body, headers, seconds, delivery]) => {
  test('the documented example is right', async () => {
    expect(await verifySignature(scheme, key, call(body, headers, seconds))).toEqual({ id: delivery })
  })

  test('another body, another key, and each header left out or changed are wrong', async () => {
    const wrong = [
      verifySignature(scheme, key, call(`${body} `, headers, seconds)),
      verifySignature(scheme, { ...key, key: `${key.key.slice(0, -4)}AAAA` }, call(body, headers, seconds)),
      ...Object.keys(headers).filter((name) => !/delivery|webhook-id$/i.test(name)).flatMap((name) => [
        verifySignature(scheme, key, call(body, { ...headers, [name]: '' }, seconds)),
        verifySignature(scheme, key, call(body, { ...headers, [name]: `${headers[name]}0` }, seconds)),
        verifySignature(scheme, key, call(body, { ...headers, [name]: 'v1,=\u00e9 t=,v0=zz' }, seconds)),
      ]),
    ]
    for (const outcome of await Promise.all(wrong)) {
      expect(outcome).toMatchObject({ refused: 'AUTHENTICATION_FAILED' })
    }
  })

  test('what is too old, or from too far ahead, is refused where the scheme says when', async () => {
    const timed = scheme === 'standard_webhooks' || scheme === 'stripe' || scheme === 'slack'
    for (const apart of [-301, 301]) {
      expect(isRefusal(await verifySignature(scheme, key, call(body, headers, seconds + apart)))).toBe(timed)
    }
    for (const apart of [-300, 300]) {
      expect(isRefusal(await verifySignature(scheme, key, call(body, headers, seconds + apart)))).toBe(false)
    }
  })
})

describe('what the libraries of the senders make', () => {
  test('Standard Webhooks, with the key that was used before beside it', async () => {
    const at = new Date(1_700_000_000_000)
    const other = new Webhook('whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD').sign('m', at, STANDARD_BODY)
    const own = new Webhook(STANDARD).sign('m', at, STANDARD_BODY)
    const headers = {
      'webhook-id': 'm',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `${other} v1a,x ${own}`,
    }
    expect(await verifySignature('standard_webhooks', signing(STANDARD), call(STANDARD_BODY, headers, 1_700_000_000)))
      .toEqual({ id: 'm' })
  })

  test('GitHub', async () => {
    const body = '{"zen":"Keep it logically awesome – ✓."}'
    const headers = { 'X-Hub-Signature-256': await sign('a secret of github', body) }
    expect(await verifySignature('github', signing('a secret of github'), call(body, headers))).toEqual({ id: null })
  })

  test('Stripe with a signature of another version before its own', async () => {
    const header = stripe(1_700_000_000).replace(',v1=', ',v0=6ffb,v1=00,v1=')
    const outcome = await verifySignature(
      'stripe',
      signing(STRIPE_KEY),
      call(STRIPE_BODY, { 'Stripe-Signature': header }, 1_700_000_000),
    )
    expect(outcome).toEqual({ id: null })
  })
})
