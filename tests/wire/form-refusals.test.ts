import { describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { form, headingOf, jobsOf, type Page, problemsOn, tokenOf, Visitor } from './forms.ts'

/** Forms that are not accepted, on each runtime: the message to the person, and the input that stays. */

chapter('forms that are not taken', (server) => {
  describe('from somewhere else', () => {
    async function refusedWith(attempt: (visitor: Visitor, path: string, page: Page) => Promise<Page>): Promise<Page> {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const page = await attempt(visitor, path, await visitor.open(path))
      expect(page.status).toBe(403)
      expect(await jobsOf(server, id)).toEqual([])
      // The input of an honest person is not lost.
      expect(page.html).toContain('value="Kept"')
      expect((await visitor.send(path, page, { company: 'Kept' })).status).toBe(303)
      return page
    }

    test('no token', () => refusedWith((visitor, path) => visitor.post(path, new URLSearchParams({ company: 'Kept' }))))

    test('a token that somebody else was given', () =>
      refusedWith(async (visitor, path) =>
        visitor.send(path, await new Visitor(server).open(path), { company: 'Kept' })
      ))

    test('no cookie', () =>
      refusedWith((visitor, path, page) => {
        visitor.forget()
        return visitor.send(path, page, { company: 'Kept' })
      }))

    test('another site, as the browser says', () =>
      refusedWith((visitor, path, page) =>
        visitor.send(path, page, { company: 'Kept' }, { 'Sec-Fetch-Site': 'cross-site' })
      ))

    test('the token of another form', () =>
      refusedWith(async (visitor, path) => {
        const other = await form(server)
        return visitor.send(path, await visitor.open(other.path), { company: 'Kept' })
      }))
  })

  describe('who may, and when', () => {
    test('a file is refused, and said so', async () => {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const body = new FormData()
      body.set('casare-token', tokenOf(await visitor.open(path)))
      body.set('company', 'Kept')
      const without = await visitor.post(path, body)
      expect(without.status).toBe(303)
      body.set('photo', new Blob(['x']), 'cat.png')
      const page = await visitor.post(path, body)
      expect([page.status, headingOf(page)]).toEqual([415, 'Files cannot be sent here'])
      expect(page.html).toContain('(photo)')
      expect(page.html).toContain('value="Kept"')
      expect(await jobsOf(server, id)).toHaveLength(1)
    })

    test.each([
      ['application/json', '{"company":"A"}', 415],
      ['text/plain', 'company=A', 415],
      ['multipart/form-data; boundary=edge-of-part', 'company=A', 400],
      ['application/x-www-form-urlencoded', `company=${'x'.repeat(1 << 20)}`, 413],
    ])('%s is no form that is taken', async (type, body, status) => {
      const { id, path } = await form(server)
      const page = await new Visitor(server).post(path, body, { 'Content-Type': type })
      expect(page.status).toBe(status)
      expect(page.headers.get('content-type')).toMatch(/^text\/html/)
      expect(await jobsOf(server, id)).toEqual([])
    })

    test('too much of it, though each answer is short enough', async () => {
      const fields = Array.from({ length: 6 }, (_, at) => ({ name: `t${at}`, type: 'textarea', max_length: 100_000 }))
      const { id, path } = await form(server, { fields }, { mapping: { first: '$.payload.t0' } })
      const page = await new Visitor(server).fillIn(
        path,
        Object.fromEntries(fields.map(({ name }) => [name, 'x'.repeat(99_000)])),
      )
      expect([page.status, headingOf(page)]).toEqual([413, 'This is longer than can be taken'])
      expect(page.html).toContain('xxx</textarea>')
      expect(await jobsOf(server, id)).toEqual([])
    })

    test('an access code, which is tried only so often', async () => {
      const { id, path, secret } = await form(server, {}, { auth: 'secret' })
      expect(secret).toMatch(/^[\w-]{32}$/)
      const visitor = new Visitor(server)
      let page = await visitor.open(path)
      expect(page.html).toContain('<label for="casare-code">Access code</label>')
      page = await visitor.send(path, page, { company: 'A', 'casare-code': 'a guess' })
      expect([page.status, problemsOn(page)]).toEqual([403, ['Access code: This is not the access code.']])
      expect(page.html).not.toContain('a guess')
      expect(page.headers.get('x-ratelimit-remaining')).toBeNull()
      for (let tries = 1; tries < 20; tries++) await visitor.send(path, page, { company: 'A' })
      const limited = await visitor.send(path, page, { company: 'A' })
      expect([limited.status, headingOf(limited)]).toEqual([429, 'Sent too often'])
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0)
      // Others may share the address: who has it is let in.
      const sent = await visitor.send(path, page, { company: 'A', 'casare-code': secret ?? '' })
      expect(sent.status).toBe(303)
      const jobs = await jobsOf(server, id)
      expect(jobs).toHaveLength(1)
      expect(JSON.stringify(jobs)).not.toContain(secret)
    })

    test('a cooldown, with what was written', async () => {
      const { path } = await form(server, {}, { cooldown_seconds: 3_600 })
      const visitor = new Visitor(server)
      await visitor.fillIn(path, { company: 'A' })
      const page = await visitor.fillIn(path, { company: 'Kept' })
      expect([page.status, headingOf(page)]).toEqual([429, 'Sent too often'])
      expect(page.html).toMatch(/send it again in (59|60) minutes/)
      expect(page.html).toContain('value="Kept"')
      expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(3_500)
    })

    test('only from certain addresses', async () => {
      const { path } = await form(server, {}, { allow_from: ['203.0.113.0/24'] })
      const page = await new Visitor(server).open(path)
      expect([page.status, headingOf(page)]).toEqual([403, 'This form is not for everywhere'])
      expect(page.html).not.toContain('New supplier')
    })

    test('not while it is closed', async () => {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const page = await visitor.open(path)
      await server.api('POST', `/triggers/${id}/disable`)
      expect((await visitor.send(path, page, { company: 'A' })).status).toBe(403)
      expect([(await visitor.open(path)).status, headingOf(await visitor.open(path))])
        .toEqual([403, 'This form is closed'])
      await server.api('POST', `/triggers/${id}/enable`)
      expect((await visitor.send(path, page, { company: 'A' })).status).toBe(303)
    })

    test('nowhere else', async () => {
      const webhook = await server.api('POST', '/triggers', { name: 'W', workflow_id: 'greeting' })
      for (const id of ['none', String(webhook['id'])]) {
        const page = await new Visitor(server).open(`/form/${id}`)
        expect([page.status, headingOf(page)]).toEqual([404, 'Form not found'])
        expect((await new Visitor(server).post(`/form/${id}`, new URLSearchParams())).status).toBe(404)
      }
    })

    test('not of a workflow that is not published', async () => {
      await server.api('POST', '/workflows', { id: `draft`, name: 'Draft', json_definition: { nodes: {} } })
      const { path } = await form(server, {}, { workflow_id: `draft` })
      const page = await new Visitor(server).fillIn(path, { company: 'Kept' })
      expect([page.status, headingOf(page)]).toEqual([409, 'This cannot be taken at present'])
      expect(page.html).toContain('value="Kept"')
      expect(page.html).not.toContain('draft')
    })
  })
}, { wrong_keys_max: 20 })

chapter('forms that are filled in too often', (server) => {
  test('the limit of webhooks holds, and a page says what is left and when to come back', async () => {
    const { id, path } = await form(server)
    const visitor = new Visitor(server)
    const first = await visitor.send(path, await visitor.open(path), { company: 'A' })
    expect([first.headers.get('x-ratelimit-limit'), first.headers.get('x-ratelimit-remaining')]).toEqual(['2', '1'])
    // Neither a wrong token nor a wrong answer uses any of it up.
    await visitor.post(path, new URLSearchParams({ company: 'A' }))
    const wrong = await visitor.send(path, await visitor.open(path), { company: '' })
    expect([wrong.status, wrong.headers.get('x-ratelimit-remaining')]).toEqual([422, '1'])
    const page = await visitor.open(path)
    await visitor.send(path, page, { company: 'B' })
    const over = await visitor.fillIn(path, { company: 'Kept' })
    expect([over.status, headingOf(over)]).toEqual([429, 'Sent too often'])
    expect(over.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(over.html).toContain('value="Kept"')
    // Repeats of an accepted submission are still answered as before.
    expect((await visitor.send(path, page, { company: 'B' })).status).toBe(303)
    expect(await jobsOf(server, id)).toHaveLength(2)
  })

  test('what could not be taken is tried again from the same page, and counts once', async () => {
    const { id, path } = await form(server)
    const visitor = new Visitor(server)
    await visitor.fillIn(path, { company: 'A' })
    const full = await visitor.fillIn(path, { company: 'Kept' })
    expect([full.status, headingOf(full)]).toEqual([429, 'This could not be taken just now'])
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(full.html).toContain('value="Kept"')
    const [first] = await jobsOf(server, id)
    await server.api('POST', `/jobs/${String(first?.id)}/cancel`, {})
    const both = await Promise.all([1, 2].map(() => visitor.send(path, full, { company: 'Kept' })))
    expect(both.map(({ status }) => status)).toEqual([303, 303])
    expect(await jobsOf(server, id)).toHaveLength(2)
  })
}, { webhook_calls_max: 2, live_jobs_max: 3, wrong_keys_max: 20 })
