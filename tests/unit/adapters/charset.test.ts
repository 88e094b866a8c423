import { describe, expect, test } from 'vitest'
import { decodeBody, isPercentUtf8, utf8Text } from '../../../adapters/net/charset.ts'
import { isRefusal } from '../../../core/base/refusal.ts'

/** Bytes as the text that they are, or refused. */

const JSON_TYPE = 'application/json'
/** `"€–’é"` in windows-1252, which is also what ISO-8859-1 and US-ASCII mean. */
const WESTERN = Uint8Array.of(0x22, 0x80, 0x96, 0x92, 0xe9, 0x22)
const wide = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf16le'))

describe('a body', () => {
  test.each([
    ['UTF-8 where nothing is declared', undefined, new TextEncoder().encode('"€"'), '"€"'],
    ['UTF-8 with its mark', JSON_TYPE, Uint8Array.of(0xef, 0xbb, 0xbf, 0x31), '1'],
    ['UTF-8 as Python names it', `${JSON_TYPE}; charset=utf8`, new TextEncoder().encode('"é"'), '"é"'],
    ['UTF-16', `${JSON_TYPE}; charset=UTF-16LE`, wide('"€🤖"'), '"€🤖"'],
    ['a charset in quotes, after another parameter', 'a/b; v=1; Charset="windows-1252"', WESTERN, '"€–’é"'],
    ['an empty charset', `${JSON_TYPE}; charset=`, new TextEncoder().encode('1'), '1'],
    ...[
      'windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso_8859-1:1987 latin1 l1 us-ascii ascii ansi_x3.4-1968 cp819',
    ].join(' ').split(' ').map((label): [string, string, Uint8Array, string] => [
      label,
      `${JSON_TYPE}; charset=${label}`,
      WESTERN,
      '"€–’é"',
    ]),
    ['Shift_JIS', `${JSON_TYPE}; charset=shift_jis`, Uint8Array.of(0x93, 0xfa, 0x96, 0x7b), '日本'],
    ['ISO-8859-15', `${JSON_TYPE}; charset=iso-8859-15`, Uint8Array.of(0xa4), '€'],
  ])('%s is read', (_, type, bytes, text) => {
    expect(decodeBody(bytes, type)).toBe(text)
  })

  test.each([
    ['a lone byte of ISO-8859-1', undefined, Uint8Array.of(0x22, 0xe9, 0x22), 'INVALID_PAYLOAD', 'not valid UTF-8'],
    ['a character that is cut', JSON_TYPE, Uint8Array.of(0xe2, 0x82), 'INVALID_PAYLOAD', 'not valid UTF-8'],
    ['an overlong slash', JSON_TYPE, Uint8Array.of(0xc0, 0xaf), 'INVALID_PAYLOAD', 'not valid UTF-8'],
    ['a surrogate', JSON_TYPE, Uint8Array.of(0xed, 0xa0, 0x80), 'INVALID_PAYLOAD', 'not valid UTF-8'],
    ['half of UTF-16', 'a/b; charset=utf-16le', Uint8Array.of(0x00, 0xd8), 'INVALID_PAYLOAD', 'not valid UTF-16LE'],
    ['a charset of no standard', 'a/b; charset=utf-7', Uint8Array.of(0x31), 'UNSUPPORTED_MEDIA_TYPE', 'utf-7'],
  ])('%s is refused', (_, type, bytes, code, words) => {
    const refusal = decodeBody(bytes, type)
    if (!isRefusal(refusal)) throw new Error(`read as ${refusal}`)
    expect([refusal.refused, refusal.message]).toEqual([code, expect.stringContaining(words)])
  })
})

test('bytes that are UTF-8, and those that are not', () => {
  expect(utf8Text(new TextEncoder().encode('a\u0000🤖'))).toBe('a\u0000🤖')
  expect(utf8Text(Uint8Array.of(0xff))).toBeNull()
})

test.each([
  ['', true],
  ['?a=%E2%82%AC&b=1+2', true],
  ['a=100%&b=%zz', true],
  ['a=%e9', false],
  ['a=%ed%a0%80', false],
  ['%ff=1', false],
])('%s is percent-encoded UTF-8: %s', (encoded, right) => {
  expect(isPercentUtf8(encoded)).toBe(right)
})
