import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { newStandardSecret } from '../../../adapters/crypto/secrets.ts'
import type { PostRequest, PostResponse } from '../../../adapters/net/post.ts'
import { sendDelivery, signatureHeaders, startSender } from '../../../adapters/webhooks/sender.ts'
import type { WebhookRequest } from '../../../core/turn.ts'
import type { DeliveryId, JsonText, WebhookId } from '../../../core/base/ids.ts'
import type { DeliveryOutcome } from '../../../core/records/webhook.ts'

const SECRET = newStandardSecret()
const NOW = Date.now()

function calling(over: Partial<WebhookRequest> = {}): WebhookRequest {
  return {
    request: 1,
    webhook: 'w' as WebhookId,
    delivery: 'msg_1' as DeliveryId,
    url: 'https://example.com/',
    secrets: [SECRET],
    body: '{"type":"webhook.ping"}' as JsonText,
    ...over,
  }
}

/** The outcome of a call with this answer. */
function answered(answer: Partial<PostResponse> | Error, sent: PostRequest[] = []): Promise<DeliveryOutcome> {
  const post = async (means: PostRequest): Promise<PostResponse> => {
    sent.push(means)
    if (answer instanceof Error) throw answer
    return { status: 200, retryAfter: null, text: '', ...answer }
  }
  return sendDelivery(calling(), { post, now: () => NOW, allowPrivate: false })
}

test('the vector of the specification', () => {
  const headers = signatureHeaders({
    delivery: 'msg_p5jXN8AQM9LWM0D4loKWxJek' as DeliveryId,
    body: '{"test": 2432232314}' as JsonText,
    secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  }, 1_614_265_330_999)
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('a receiver with either secret takes it, one with another does not', () => {
  const [former, present, other] = [newStandardSecret(), newStandardSecret(), newStandardSecret()]
  const call = calling({ secrets: [present, former] })
  const headers = signatureHeaders(call, NOW)
  for (const secret of [former, present]) {
    expect(new Webhook(secret).verify(call.body, headers)).toEqual({ type: 'webhook.ping' })
  }
  expect(() => new Webhook(other).verify(call.body, headers)).toThrow()
  expect(() => new Webhook(present).verify(`${call.body} `, headers)).toThrow()
})

test('a secret is 32 random bytes in the form of the specification', () => {
  expect(newStandardSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
})

test('what a receiver answers is put into words', async () => {
  const sent: PostRequest[] = []
  expect(await answered({ status: 204, text: 'ignored' }, sent)).toEqual({
    status: 204,
    error: '',
    retry_after_ms: null,
  })
  expect(sent[0]?.headers).toMatchObject({ 'Content-Type': 'application/json', 'webhook-id': 'msg_1' })
  expect(sent[0]?.body).toBe(calling().body)
  expect(await answered({ status: 500, text: 'out of\u0000\u001b[31mpaper\n' })).toMatchObject({
    status: 500,
    error: 'answered 500: out of [31mpaper',
  })
  expect(await answered({ status: 302 })).toMatchObject({ error: 'answered 302: redirects are not followed' })
  expect(await answered({ status: 429, retryAfter: '30' })).toMatchObject({ retry_after_ms: 30_000 })
  expect((await answered({ status: 400, text: 'x'.repeat(10_000) })).error.length).toBeLessThan(400)
  expect(await answered(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))).toMatchObject({
    status: null,
    error: 'ECONNREFUSED',
  })
  expect((await answered(new DOMException('', 'TimeoutError'))).error).toBe('no answer within 15 s')
})

test('calls that are under way are waited for, but not for ever', async () => {
  let answer = (_posted: PostResponse): void => {}
  const post = () => new Promise<PostResponse>((resolve) => void (answer = resolve))
  const calls = startSender({ post, now: () => NOW, allowPrivate: false })
  const outcomes: DeliveryOutcome[] = []
  await calls.whenSent(60_000)
  calls.send(calling(), (outcome) => outcomes.push(outcome))
  await calls.whenSent(20)
  expect(outcomes).toEqual([])
  answer({ status: 200, retryAfter: null, text: '' })
  await calls.whenSent(60_000)
  expect(outcomes.length).toBe(1)
})

test('a URL is looked at again at each call', async () => {
  const post = () => Promise.reject(new Error('it was sent'))
  const { status, error } = await sendDelivery(calling({ url: 'https://[::1]/' }), {
    post,
    now: () => 0,
    allowPrivate: false,
  })
  expect([status, error]).toEqual([null, 'not sent: the URL ::1 is not on the internet (loopback)'])
})
