import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { until } from '../wire/api.ts'
import { CONFIG, fillIn, send, useFormLab } from './forms.ts'

/** Forms as people meet them: in a browser, and in one that runs no scripts. */

const { visit, form, fieldsOf, complaints } = useFormLab()

describe('without scripts', () => {
  test('filled in by its labels: what is wrong, then thanks, and a reload sends nothing', async () => {
    const { id, url } = await form()
    const page = await visit()
    await page.goto(url)
    expect(await page.title()).toBe('New supplier')
    await page.getByLabel('E-mail for invoices').fill('ann@example')
    await page.getByLabel('Credit limit').fill('60000')
    await page.getByLabel('Spare parts').check()
    await page.getByLabel('Anything else').fill('<script>\n  two')
    await send(page)

    expect(await page.title()).toBe('Problem: New supplier')
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe('6 answers need another look')
    expect(await page.getByRole('listitem').allTextContents()).toEqual([
      'Company: Please fill this in.',
      'E-mail for invoices: Enter an e-mail address, such as name@example.org.',
      'Credit limit: It must be 50000 or less.',
      'Country: Please choose one of these.',
      'Payment terms: Please choose one of these.',
      'The bank details are checked: Please tick this to go on.',
    ])
    const email = page.getByLabel('E-mail for invoices')
    expect(await email.getAttribute('aria-invalid')).toBe('true')
    const described = (await email.getAttribute('aria-describedby'))?.split(' ') ?? []
    expect(await Promise.all(described.map((part) => page.locator(`#${part}`).textContent()))).toEqual([
      'Where our advices go.',
      'Problem: Enter an e-mail address, such as name@example.org.',
    ])
    // The input is still there.
    expect(await email.inputValue()).toBe('ann@example')
    expect(await page.getByLabel('Anything else').inputValue()).toBe('<script>\n  two')
    expect(await page.getByLabel('Spare parts').isChecked()).toBe(true)

    await fillIn(page)
    await page.getByLabel('Working with us from').fill('2026-02-28')
    await page.getByLabel('Best time to call').fill('09:30')
    await page.getByLabel('To be done by').fill('2026-03-01T17:00')
    await page.getByLabel('Credit limit').fill('2500.50')
    await page.getByLabel('Employees').fill('12')
    await send(page)
    expect(await page.title()).toBe('Sent: New supplier')
    expect(await page.getByRole('status').textContent()).toContain('Thank you. Your answers have been received.')
    await page.reload()
    expect(await page.title()).toBe('Sent: New supplier')
    expect(await fieldsOf(id)).toEqual([{
      company: 'Müller & Söhne',
      email: 'ann@example.org',
      start: '2026-02-28',
      call: '09:30',
      due: '2026-03-01T17:00',
      limit: 2500.5,
      employees: 12,
      country: 'Belgium',
      terms: '30',
      goods: ['Spare parts'],
      notes: '<script>\n  two',
      checked: true,
      source: 'intranet',
    }])
    await page.getByRole('link', { name: 'Fill in this form again' }).click()
    expect(await page.getByLabel('Company').inputValue()).toBe('')
  })

  test('a double click is one job', async () => {
    const { id, url } = await form()
    const page = await visit()
    await page.goto(url)
    await fillIn(page)
    await page.getByRole('button', { name: 'Send' }).dblclick()
    await page.getByRole('status').waitFor()
    complaints.length = 0
    expect(await fieldsOf(id)).toHaveLength(1)
  })

  test('in two tabs at once', async () => {
    const { id, url } = await form()
    const first = await visit()
    const second = await first.context().newPage()
    for (const page of [first, second]) await page.goto(url)
    for (const page of [first, second]) {
      await page.bringToFront()
      await fillIn(page)
      await send(page)
      expect(await page.title()).toBe('Sent: New supplier')
    }
    expect(await fieldsOf(id)).toHaveLength(2)
  })

  test('with the keyboard alone', async () => {
    const { id, url } = await form({
      fields: [
        { name: 'company', type: 'text', label: 'Company', required: true },
        { name: 'terms', type: 'radio', label: 'Terms', required: true, options: ['14', '30', '60'] },
        { name: 'goods', type: 'multiselect', label: 'Goods', options: ['Raw', 'Parts'] },
        { name: 'country', type: 'select', label: 'Country', options: ['Austria', 'Belgium'] },
        { name: 'checked', type: 'checkbox', label: 'Checked', required: true },
      ],
    })
    const page = await visit()
    const press = async (...keys: readonly string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key)
    }
    const focused = () => page.locator(':focus')
    await page.goto(url)
    // Through everything to the button: a group of radio buttons is one stop, boxes are one each.
    await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Tab')
    expect(await focused().textContent()).toBe('Send')
    await press('Enter')

    // The focus is on the list of problems, each of which links to its field.
    await page.getByText('3 answers need another look').waitFor()
    expect(await focused().getAttribute('class')).toBe('summary')
    await press('Tab', 'Enter')
    expect(await focused().getAttribute('id')).toBe('f-company')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
    await page.keyboard.type('Acme')
    await press('Tab', 'ArrowDown', 'Tab', 'Tab', 'Space', 'Tab', 'B', 'Tab', 'Space', 'Enter')
    await page.getByRole('status').waitFor()
    expect(await fieldsOf(id)).toEqual([
      { company: 'Acme', terms: '30', goods: ['Parts'], country: 'Belgium', checked: true },
    ])
  })

  test('on to a page of somebody else’s, where the form says so', async () => {
    const { url } = await form({ ...CONFIG, redirect_url: 'https://thanks.example/done?from=form' })
    const page = await visit()
    await page.goto(url)
    await fillIn(page)
    await send(page)
    // The host does not exist, but the browser tried: a policy that forbids it would have been reported.
    const complaint = await until(
      'the browser complains',
      () => complaints.find((line) => line.includes('thanks.example')),
    )
    expect(complaint).toBe('https://thanks.example/done?from=form net::ERR_NAME_NOT_RESOLVED')
    complaints.length = 0
  })

  test('a date that is half typed is not lost without a word', async () => {
    const { id, url } = await form({ fields: [{ name: 'start', type: 'date', label: 'Start' }] })
    const page = await visit()
    await page.goto(url)
    await page.getByLabel('Start').pressSequentially('12')
    await send(page)
    expect(await page.locator('input:invalid').count()).toBe(1)
    expect(await fieldsOf(id)).toEqual([])
  })

  test('an access code, and a notice that the keyboard starts at', async () => {
    const { url } = await form(CONFIG, { secret: 'a code of 16 letters', cooldown_seconds: 60 })
    const page = await visit()
    await page.goto(url)
    for (const [code, title] of [['no', 'Problem: '], ['a code of 16 letters', 'Sent: ']] as const) {
      await fillIn(page)
      await page.getByLabel('Access code').fill(code)
      await send(page)
      expect(await page.title()).toBe(`${title}New supplier`)
    }
    await page.goto(url)
    await fillIn(page)
    await page.getByLabel('Access code').fill('a code of 16 letters')
    await send(page)
    expect(await page.locator(':focus').textContent()).toMatch(/Sent too often\s+.*send it again in \d+ seconds/)
    expect(await page.getByLabel('Company').inputValue()).toBe('Müller & Söhne')
    expect(await page.getByLabel('Access code').inputValue()).toBe('')
  })
})

describe('from a page of somebody else', () => {
  test('neither sent in a visitor’s name, nor shown in a frame', async () => {
    const { id, url } = await form()
    // The token that the attacker was given, and everything that an attacker can know of the form.
    const own = await (await fetch(url)).text()
    const token = /name="casare-token" value="([^"]+)"/.exec(own)?.[1] ?? ''
    const answers = { company: 'X', email: 'x@example.org', country: 'Austria', terms: '14', checked: 'on' }
    const inputs = Object.entries({ ...answers, 'casare-token': token })
      .map(([name, value]) => `<input name="${name}" value="${value}">`).join('')
    const elsewhere = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html')
      response.end(
        `<form method="post" action="${url}">${inputs}<button>Win</button></form><iframe src="${url}"></iframe>`,
      )
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    try {
      const page = await visit()
      await page.goto(url)
      // To a browser this is another site, though it is the same machine.
      await page.goto(`http://localhost:${(elsewhere.address() as AddressInfo).port}/`)
      const complaint = await until(
        'the browser complains',
        () => complaints.find((line) => /frame-ancestors/.test(line)),
      )
      expect(complaint).toContain("frame-ancestors 'none'")
      await until('the frame shows an error', () => page.frames()[1]?.url() === 'chrome-error://chromewebdata/')
      await page.getByRole('button', { name: 'Win' }).click()
      expect(await page.getByRole('heading', { level: 2 }).textContent()).toMatch(/^Please send it/)
      expect(await fieldsOf(id)).toEqual([])
      complaints.length = 0
    } finally {
      elsewhere.close()
    }
  })
})
