import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { type FormPage, formPage, plainPage, thanksPage } from '../../../adapters/form/page.ts'
import { readSubmission } from '../../../adapters/form/submission.ts'
import { STYLE } from '../../../adapters/form/style.ts'
import { checkToken, newBrowser, newReceipt, newToken, readReceipt } from '../../../adapters/form/token.ts'
import { FormConfig } from '../../../core/trigger-types/form.ts'

/** Reads the body of a form with many fields. */
function sentIn(type: string | undefined, bytes: Uint8Array<ArrayBuffer>): ReturnType<typeof readSubmission> {
  return readSubmission(type, bytes, 100)
}

/** The pages of forms as text, and what shows where a form comes from. */

const EVIL = '"><script>alert(1)</script>\'&'

function page(config: object, more: Partial<FormPage> = {}): Promise<string> {
  const form = v.parse(FormConfig, config)
  return text(formPage({
    title: form.title ?? 'T',
    form,
    action: '/form/x',
    token: 'token',
    code: false,
    codeProblem: null,
    written: new Map(),
    sent: false,
    problems: new Map(),
    notice: null,
    ...more,
  }))
}

async function text(markup: ReturnType<typeof plainPage>): Promise<string> {
  return String(await markup)
}

describe('a page', () => {
  test('has nothing in it that anybody wrote, but as text', async () => {
    const types = ['text', 'textarea', 'email', 'url', 'tel', 'hidden']
    const options = [{ value: EVIL, label: EVIL }]
    const fields = [
      ...types.map((type) => ({ name: type, type, label: EVIL, ...(type === 'hidden' ? {} : { help: EVIL }) })),
      ...['select', 'radio', 'multiselect'].map((type) => ({ name: type, type, label: EVIL, help: EVIL, options })),
      { name: 'checkbox', type: 'checkbox', label: EVIL, help: EVIL },
      { name: 'number', type: 'number', label: EVIL, placeholder: EVIL },
    ]
    const written = new Map(fields.map(({ name }) => [name, [EVIL]]))
    const problems = new Map(fields.map(({ name }) => [name, EVIL]))
    const config = { title: EVIL, description: EVIL, submit_label: EVIL, fields }
    const notice = { heading: EVIL, words: EVIL }
    const pages = [
      await page(config, { written, problems, sent: true, notice, code: true, codeProblem: EVIL, token: EVIL }),
      await text(thanksPage(EVIL, EVIL, EVIL, EVIL)),
      await text(plainPage(notice)),
    ]
    for (const html of pages) {
      expect(html).not.toContain('<script')
      expect(html.replace(/&(quot|lt|gt|#39|amp);/g, '')).not.toContain("'&")
    }
  })

  test('asks nobody for anything, and does nothing by itself', async () => {
    const html = await page({ fields: [{ name: 'a', type: 'text' }] })
    expect(html).not.toMatch(/<script|<img|<iframe|\son\w+=|\sstyle=|@import|url\(|https?:/)
    expect(html).toContain(`<style>${STYLE}</style>`)
    expect(html).toMatch(/^<!DOCTYPE html>\n<html lang="en">/)
  })

  test('a text that begins with a break keeps it', async () => {
    const written = new Map([['a', ['\nx']]])
    expect(await page({ fields: [{ name: 'a', type: 'textarea' }] }, { written })).toContain('>\n\nx</textarea>')
  })

  test('defaults are there until something is sent', async () => {
    const fields = [
      { name: 'box', type: 'checkbox', default: true },
      { name: 'text', type: 'text', default: 'Oslo' },
      { name: 'of', type: 'radio', options: ['x', 'y'], default: 'y' },
      { name: 'seconds', type: 'time', default: '09:00:30' },
    ]
    const fresh = await page({ fields })
    expect(fresh).toMatch(/value="on" checked/)
    expect(fresh).toMatch(/value="Oslo"/)
    expect(fresh).toMatch(/value="y" checked/)
    expect(fresh).toMatch(/value="09:00:30" step="1"/)
    const sent = await page({ fields }, { sent: true })
    expect(sent).not.toMatch(/ checked|Oslo|09:00:30/)
  })
})

test('the example in the documentation is one', async () => {
  const [, body = ''] = /-d '(\{.*?\})'\n```/s.exec(readFileSync('docs/FORMS.md', 'utf8')) ?? []
  const { config } = JSON.parse(body) as { readonly config: object }
  expect(await page(config)).toContain('<legend>Payment terms')
})

describe('the token of a page', () => {
  const HOUR = 3_600_000
  const browser = newBrowser()

  test('counts for the form and the browser that it was made for, for as long as it may', async () => {
    const token = await newToken('key', 'form', browser, 1_000)
    const check = (key: string, form: string, of: string | undefined, given: string | undefined, now = 1_000 + HOUR) =>
      checkToken(key, form, of, given, now, HOUR)
    expect(await check('key', 'form', browser, token)).toEqual({ dedupeKey: expect.stringMatching(/^[\w-]{22}$/) })
    expect(await check('key', 'form', browser, token, 1_001 + HOUR)).toEqual({ wrong: 'old' })
    expect(await check('key', 'form', newBrowser(), token)).toEqual({ wrong: 'foreign' })
    expect(await check('key', 'other', browser, token)).toEqual({ wrong: 'foreign' })
    expect(await check('other', 'form', browser, token)).toEqual({ wrong: 'foreign' })
    expect(await check('key', 'form', undefined, token)).toEqual({ wrong: 'absent' })
    expect(await check('key', 'form', 'chosen by somebody', token)).toEqual({ wrong: 'absent' })
    expect(await check('key', 'form', browser, undefined)).toEqual({ wrong: 'absent' })
    expect(await check('key', 'form', browser, 'x'.repeat(100_000))).toEqual({ wrong: 'foreign' })
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (const at of [0, 5, token.length - 2, token.length - 1]) {
      for (const other of characters.replace(token.charAt(at), '')) {
        const forged = token.slice(0, at) + other + token.slice(at + 1)
        expect(await check('key', 'form', browser, forged)).toEqual({ wrong: 'foreign' })
      }
    }
  })

  test('no two are alike', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => newToken('key', 'form', browser, 0)))
    expect(new Set(tokens).size).toBe(20)
  })

  test('a receipt tells of what it was made for, and no token is one', async () => {
    const receipt = await newReceipt('key', 'form', 'job-1')
    expect(await readReceipt('key', 'form', receipt)).toBe('job-1')
    expect(await readReceipt('key', 'form', await newReceipt('key', 'form', ''))).toBe('')
    expect(await readReceipt('key', 'other', receipt)).toBeNull()
    expect(await readReceipt('key', 'form', receipt.replace('job-1', 'job-2'))).toBeNull()
    expect(await readReceipt('key', 'form', await newToken('key', 'form', browser, 0))).toBeNull()
  })
})

describe('what a browser sends', () => {
  const bytes = (body: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(body)
  const parts = (...all: readonly string[]): Uint8Array<ArrayBuffer> =>
    bytes(
      [...all.map((part) => `--edge-of-part\r\nContent-Disposition: form-data; ${part}\r\n`), '--edge-of-part--\r\n']
        .join(''),
    )

  test('in either way', async () => {
    const written = new Map([['a', ['1', 'é ']], ['b', ['']]])
    const url = await sentIn('application/x-www-form-urlencoded; charset=utf-8', bytes('a=1&b=&a=%C3%A9+'))
    expect(url).toEqual({ written, files: [] })
    const body = parts('name="a"\r\n\r\n1', 'name="b"\r\n\r\n', 'name="a"\r\n\r\né ')
    expect(await sentIn('multipart/form-data; boundary=edge-of-part', body)).toEqual({ written, files: [] })
  })

  test('a file is noticed, even one of nothing', async () => {
    const file = 'filename="f.txt"\r\nContent-Type: text/plain\r\n\r\n'
    const body = parts('name="a"\r\n\r\n1', `name="photo"; ${file}x`, `name="empty"; ${file}`)
    expect(await sentIn('multipart/form-data; boundary=edge-of-part', body)).toEqual({
      written: new Map([['a', ['1']]]),
      files: ['photo', 'empty'],
    })
  })

  test('more values than the form has are not read', async () => {
    const pairs = (count: number): Uint8Array<ArrayBuffer> => bytes('a=1&'.repeat(count))
    const kind = 'application/x-www-form-urlencoded'
    expect(await readSubmission(kind, pairs(20), 1)).toMatchObject({ files: [] })
    expect(await readSubmission(kind, pairs(200_000), 1)).toMatchObject({ refused: 'INVALID_PAYLOAD' })
    const many = parts(...Array.from({ length: 10_000 }, () => 'name="a"\r\n\r\n1'))
    for (const type of ['multipart/form-data; boundary=edge-of-part', 'Multipart/Form-Data;boundary="edge-of-part"']) {
      expect(await readSubmission(type, many, 1)).toMatchObject({ refused: 'INVALID_PAYLOAD' })
    }
    // A text that has the boundary of another body in it is a text.
    const quoted = parts(`name="a"\r\n\r\n${'--edge-of-par\r\n'.repeat(100)}`)
    expect(await readSubmission('multipart/form-data; boundary=edge-of-part', quoted, 1)).toMatchObject({ files: [] })
  })

  test.each([
    [undefined, 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/json', 'UNSUPPORTED_MEDIA_TYPE'],
    ['text/plain', 'UNSUPPORTED_MEDIA_TYPE'],
    ['multipart/form-data', 'INVALID_PAYLOAD'],
    ['multipart/form-data; boundary=y', 'INVALID_PAYLOAD'],
  ])('%s is refused', async (type, refused) => {
    expect(await sentIn(type, parts('name="a"\r\n\r\n1'))).toMatchObject({ refused })
  })
})
