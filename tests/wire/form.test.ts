import { describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { FIELDS, form, headingOf, jobsOf, problemsOn, tokenOf, Visitor } from './forms.ts'

/** Forms as pages, on each runtime: what they look like in a browser is tested in tests/browser. */

const WORKFLOW = {
  metadata: { name: 'Own' },
  nodes: { start: { node_type: 'StartNode' }, end: { node_type: 'EndNode' } },
  connections: [],
}

chapter('forms', (server) => {
  test('a page, with all that keeps it to itself', async () => {
    const { path } = await form(server, { title: 'Ask <us>' })
    const { status, headers, html } = await new Visitor(server).open(path)
    expect(status).toBe(200)
    expect(html).toContain('<h1>Ask &lt;us&gt;</h1>')
    expect(html).toContain(`<form method="post" action="${path}"`)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]{43}='; img-src data:; /)
    expect(policy).toMatch(/; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-type')).toMatch(/^text\/html; charset=utf-8$/i)
    expect(headers.get('set-cookie')).toMatch(
      new RegExp(`^casare-form=[\\w-]{22}; Path=${path}; HttpOnly; SameSite=Lax$`),
    )
    expect(headers.get('x-frame-options')).toBe('DENY')
  })

  test('what is sent becomes a job, with values of their types', async () => {
    const { id, path } = await form(server)
    const began = Date.now()
    const thanks = await new Visitor(server).fillIn(path, {
      company: ' Müller & Söhne ',
      amount: '12.50',
      count: '',
      start: '2026-02-28',
      terms: '60',
      goods: ['services', 'raw'],
      agreed: 'on',
      notes: 'one\r\ntwo',
    })
    expect(thanks.html).toContain('Thank you. Your answers have been received.')
    const [job] = await jobsOf(server, id)
    expect(thanks.html).toContain(job?.id)
    const fields = {
      company: 'Müller & Söhne',
      amount: 12.5,
      start: '2026-02-28',
      terms: '60',
      goods: ['raw', 'services'],
      agreed: true,
      notes: 'one\ntwo',
    }
    expect(job?.parameters).toEqual({
      ...fields,
      form_id: id,
      fields,
      submitted_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      submitter_ip: server.target.name === 'cloudflare' ? expect.anything() : '127.0.0.1',
    })
    expect(Date.parse(String(job?.parameters['submitted_at']))).toBeGreaterThanOrEqual(began - 1_000)
    const { items } = await server.api<{ readonly items: readonly object[] }>('GET', `/triggers/${id}/events`)
    expect(items).toMatchObject([{
      trigger_type: 'form',
      outcome: 'fired',
      job_id: job?.id,
      metadata: { source: 'form', event_type: 'form_submitted' },
    }])
  })

  test('a mapping and a filter look into the fields', async () => {
    const { id, path } = await form(server, {}, {
      mapping: { customer: '$.payload.fields.company' },
      filter: '@.payload.amount > 100',
    })
    const visitor = new Visitor(server)
    // The person who submits it does not learn the outcome.
    expect(headingOf(await visitor.fillIn(path, { company: 'A', amount: '100' }))).toBe('New supplier')
    expect(await jobsOf(server, id)).toEqual([])
    await visitor.fillIn(path, { company: 'B', amount: '101' })
    expect(await jobsOf(server, id)).toMatchObject([{ parameters: { customer: 'B' } }])
  })

  test('all that is wrong is said at once, and what was written stays', async () => {
    const { id, path } = await form(server)
    const visitor = new Visitor(server)
    const written = { company: ' ', amount: '1001', start: '2026-02-29', goods: 'gold', notes: '<b>kept</b>' }
    const page = await visitor.send(path, await visitor.open(path), written)
    expect(page.status).toBe(422)
    expect(headingOf(page)).toBe('4 answers need another look')
    expect(problemsOn(page)).toEqual([
      'Company: Please fill this in.',
      'Amount: It must be 1000 or less.',
      'Start: Enter a date, such as 2026-11-23.',
      'Goods: This is not one of the answers to choose from.',
    ])
    expect(page.html).toContain('value="1001"')
    expect(page.html).toContain('&lt;b&gt;kept&lt;/b&gt;</textarea>')
    // It was sent without, so the default is not put back.
    expect(page.html).not.toContain(' checked')
    expect(await jobsOf(server, id)).toEqual([])
    const mended = await visitor.send(path, page, { company: 'A' })
    expect(mended.status).toBe(303)
  })

  describe('sent once', () => {
    test('twice is one job, at the same time and one after the other', async () => {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const page = await visitor.open(path)
      const both = await Promise.all([1, 2].map(() => visitor.send(path, page, { company: 'A' })))
      const later = await visitor.send(path, page, { company: 'A' })
      const places = [...both, later].map(({ headers }) => headers.get('location'))
      expect(new Set(places).size).toBe(1)
      expect(await jobsOf(server, id)).toHaveLength(1)
    })

    test('with other answers it is asked for once more, and then sent', async () => {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const page = await visitor.open(path)
      await visitor.send(path, page, { company: 'A' })
      const asked = await visitor.send(path, page, { company: 'B' })
      expect([asked.status, headingOf(asked)]).toEqual([422, 'You have sent this form already'])
      expect(asked.html).toContain('value="B"')
      expect((await visitor.send(path, asked, { company: 'B' })).status).toBe(303)
      expect(await jobsOf(server, id)).toHaveLength(2)
    })

    test('the page of thanks says what we say, and not what its address says', async () => {
      const { path } = await form(server, { success_message: 'We call you.' })
      const visitor = new Visitor(server)
      const sent = await visitor.send(path, await visitor.open(path), { company: 'A' })
      const to = sent.headers.get('location') ?? ''
      expect((await visitor.open(to)).html).toContain('We call you.')
      const forged = await visitor.open(to.replace(/done=[^.]+/, 'done=call-0900-123456'))
      expect(forged.html).not.toContain('0900')
      expect(tokenOf(forged)).not.toBe('')
    })

    test('redirect_url leads on', async () => {
      const { path } = await form(server, { redirect_url: 'https://example.org/thanks?from=us' })
      const visitor = new Visitor(server)
      const page = await visitor.open(path)
      // Browsers hold a redirect after a form to this too.
      expect(page.headers.get('content-security-policy')).toContain("form-action 'self' https://example.org;")
      const sent = await visitor.send(path, page, { company: 'A' })
      expect([sent.status, sent.headers.get('location')]).toEqual([303, 'https://example.org/thanks?from=us'])
    })
  })

  test('a fleet has forms of its own', async () => {
    const { admin_key: key, path } = await server.api<{ admin_key: string; path: string }>('POST', '/fleets', {
      name: 'forms',
    })
    const own = { workflow_id: 'own', name: 'F', trigger_type: 'form', id: 'own', config: { fields: FIELDS } }
    for (
      const [at, body] of [
        ['/workflows', { id: 'own', name: 'Own', json_definition: WORKFLOW }],
        ['/workflows/own/publish', {}],
        ['/triggers', own],
      ] as const
    ) expect((await server.call('POST', `${path}/api/v1${at}`, { key, body })).status).toBeLessThan(300)
    const thanks = await new Visitor(server).fillIn(`${path}/form/own`, { company: 'A' })
    expect(thanks.html).toContain('Thank you.')
    expect(thanks.html).toContain(`<a href="${path}/form/own">`)
    expect((await new Visitor(server).open('/form/own')).status).toBe(404)
  })

  test('an address may bring answers with it', async () => {
    const { path } = await form(server)
    const page = await new Visitor(server).open(`${path}?company=A%26B&terms=60&goods=raw&goods=parts&other=x`)
    expect(page.html).toContain('value="A&amp;B"')
    expect(page.html).toMatch(/value="60" checked/)
    expect(page.html.match(/ checked/g)).toHaveLength(3)
  })

  test('a form keeps its pages when it is saved anew', async () => {
    const { id, path } = await form(server)
    const visitor = new Visitor(server)
    const page = await visitor.open(path)
    const body = { name: 'Renamed', trigger_type: 'form', workflow_id: 'greeting', config: { fields: FIELDS } }
    const saved = await server.api('PUT', `/triggers/${id}`, body)
    expect(saved).toMatchObject({ auth: 'none', has_secret: false, secret: null, webhook_path: path })
    expect((await visitor.send(path, page, { company: 'A' })).status).toBe(303)
    const locked = await server.api('PUT', `/triggers/${id}`, { ...body, auth: 'secret' })
    expect(locked).toMatchObject({ auth: 'secret', has_secret: true, secret: expect.any(String) })
    expect(await server.api('PUT', `/triggers/${id}`, body)).toMatchObject({ auth: 'secret', secret: null })
  })

  test('what is wrong with its fields is said when it is saved', async () => {
    const config = { fields: [{ name: 'a', type: 'select' }] }
    const body = { name: 'F', trigger_type: 'form', workflow_id: 'greeting', config }
    const { status, body: said } = await server.call('POST', '/api/v1/triggers', { body })
    expect([status, said]).toMatchObject([400, { payload: { error_code: 'INVALID_PAYLOAD' } }])
    expect(JSON.stringify(said)).toContain('Missing required field: config.fields.0.options')
    for (const [name, value] of [['auth', 'github'], ['signature', { header: 'X' }]] as const) {
      const other = await server.call('POST', '/api/v1/triggers', {
        body: { ...body, config: { fields: FIELDS }, [name]: value },
      })
      expect(JSON.stringify([other.status, other.body])).toContain(`[400,{"type":"error"`)
      expect(JSON.stringify(other.body)).toContain(`Field ${name}: `)
    }
  })
})
