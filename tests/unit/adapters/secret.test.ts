import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { hashOf, newKey, newSecret, newStandardSecret, secretOf } from '../../../adapters/crypto/secrets.ts'
import { isStandardSecret, problemWithKey, problemWithSecret, weaknessOf } from '../../../core/base/secret.ts'

/** Secrets that could never match are not kept. */

const GOOD = 'a key of sixteen characters'

describe('a secret', () => {
  test.each([
    ['as it is', GOOD, true, null],
    ['of signs', '!"#$%&()*+,-./:;<=>?@[]^_`{|}~', true, null],
    ['of letters that no header carries', 'Schlüssel der Firma', true, 'ASCII'],
    ['of them, to sign with', 'Schlüssel der Firma', false, null],
    ['that ends with a line break', `${GOOD}\n`, false, 'control'],
    ['that ends with one of Windows', `${GOOD}\r\n`, true, 'control'],
    ['with a tab in it', 'a\tb', true, 'control'],
    ['with U+0085 in it', 'a\u0085b', false, 'control'],
    ['with U+007F in it', 'a\u007fb', false, 'control'],
    ['of which a character was lost', 'a\ufffdb', false, 'control'],
    ['that begins with a space', ` ${GOOD}`, false, 'white space'],
    ['that ends with a no-break space', `${GOOD}\u00a0`, false, 'white space'],
    ['that begins with a byte order mark', `\ufeff${GOOD}`, false, 'white space'],
  ])('%s', (_, secret, inHeader, words) => {
    const problem = problemWithSecret(secret, inHeader)
    if (words === null) expect(problem).toBeNull()
    else expect(problem).toContain(words)
    // A header with what is taken arrives as it was sent.
    if (words === null && inHeader) expect(hashOf(new Headers({ a: secret }).get('a') ?? '')).toBe(hashOf(secret))
  })

  test('those that we make ourselves can be shown', () => {
    for (const made of [newKey(), newSecret(), newStandardSecret()]) {
      expect([problemWithSecret(made, true), problemWithKey(made), weaknessOf(made)]).toEqual([null, null, null])
    }
  })

  test.each([
    ['a'.repeat(16), 'at least 6 different characters'],
    ['0000000000000001', 'at least 6 different characters'],
    ['abcdeabcdeabcdee', 'at least 6 different characters'],
    ['passwordpassword', 'a shorter text that is repeated'],
    ['0123456701234567', 'a shorter text that is repeated'],
    [GOOD, null],
    ['0123456789abcdef', null],
    ['8f742231b10e8888', null],
  ])('that somebody chooses: %s', (secret, words) => {
    if (words === null) expect(weaknessOf(secret)).toBeNull()
    else expect(weaknessOf(secret)).toContain(words)
  })
})

test.each([
  [newStandardSecret(), true],
  [`whsec_${Buffer.alloc(24).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(64).toString('base64')}`, true],
  [`whsec_${Buffer.alloc(64).toString('base64').replace(/=+$/, '')}`, true],
  [`whsec_${Buffer.alloc(65).toString('base64')}`, false],
  [`whsec_${Buffer.alloc(23).toString('base64')}`, false],
  [`whsec_${'A'.repeat(41)}`, false],
  ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', false],
  ['whsec_not base64 at all, not at all', false],
])('%s is a secret of the Standard Webhooks: %s', (text, is) => {
  expect(isStandardSecret(text)).toBe(is)
})

test('a secret in an event shows neither in JSON nor when it is printed', () => {
  const event = { credential: { secret: secretOf(GOOD) } }
  expect([JSON.stringify(event), inspect(event, { depth: 9, showHidden: true })].join()).not.toContain(GOOD)
  expect(event.credential.secret.reveal()).toBe(GOOD)
})

test.each(['', 'crpa_a b', 'crpa_a\n', ' crpa_a', 'crpa_ü'])('%j is a key that no request can carry', (key) => {
  expect(problemWithKey(key)).toContain('ASCII')
})
