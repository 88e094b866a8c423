import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { cleanUp } from '../process/program.ts'
import { form, jobsOf } from '../wire/forms.ts'
import { Server } from '../wire/server.ts'
import { node } from '../wire/targets/node.ts'
import { BROWSER_MS, startBrowser } from './chromium.ts'

/** An orchestrator with forms, and people with browsers in front of them. */

/** A form with a field of each type. */
export const CONFIG = {
  title: 'New supplier',
  description: 'Tell us who they are, and the robot sets them up.',
  fields: [
    { name: 'company', type: 'text', label: 'Company', required: true, autocomplete: 'organization' },
    { name: 'email', type: 'email', label: 'E-mail for invoices', help: 'Where our advices go.', required: true },
    { name: 'phone', type: 'tel', label: 'Telephone' },
    { name: 'site', type: 'url', label: 'Their pages' },
    { name: 'start', type: 'date', label: 'Working with us from', min: '2020-01-01' },
    { name: 'call', type: 'time', label: 'Best time to call' },
    { name: 'due', type: 'datetime', label: 'To be done by' },
    { name: 'limit', type: 'number', label: 'Credit limit', max: 50_000, placeholder: '1000' },
    { name: 'employees', type: 'integer', label: 'Employees' },
    { name: 'country', type: 'select', label: 'Country', required: true, options: ['Austria', 'Belgium'] },
    {
      name: 'terms',
      type: 'radio',
      label: 'Payment terms',
      required: true,
      options: [{ value: '14', label: '14 days' }, { value: '30', label: '30 days' }],
    },
    { name: 'goods', type: 'multiselect', label: 'What they supply', options: ['Raw material', 'Spare parts'] },
    { name: 'notes', type: 'textarea', label: 'Anything else' },
    { name: 'checked', type: 'checkbox', label: 'The bank details are checked', required: true },
    { name: 'source', type: 'hidden', default: 'intranet' },
  ],
}

/** The environment of a test file: set up before its tests, and removed after them. */
export interface FormLab {
  readonly server: Server
  /** A page of a new browser. Unless a test takes them away, there must be no complaints in the end. */
  visit(options?: BrowserContextOptions): Promise<Page>
  /** The browsers' complaints. */
  readonly complaints: string[]
  /** Creates a form, by default with a field of each type. */
  form(config?: object, options?: object): Promise<{ readonly id: string; readonly url: string }>
  /** The fields of each job that a form has made. */
  fieldsOf(id: string): Promise<readonly unknown[]>
}

/** Registers the hooks of a test file. By default, browsers run no scripts. */
export function useFormLab(): FormLab {
  const server = new Server(node)
  const complaints: string[] = []
  const contexts: BrowserContext[] = []
  let browser: Browser | null = null

  // Registered first, and so run last.
  afterAll(cleanUp)
  afterAll(async () => {
    await browser?.close()
    await server.stop()
    expect(server.faults()).toBe('')
  })
  beforeAll(async () => {
    await server.start()
    browser = await startBrowser()
  }, BROWSER_MS)
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()))
    expect(complaints.splice(0)).toEqual([])
  })

  return {
    server,
    complaints,
    async visit(options = {}) {
      if (browser === null) throw new Error('there is no browser yet')
      const context = await browser.newContext({
        javaScriptEnabled: false,
        locale: 'en-GB',
        viewport: { width: 1000, height: 900 },
        ...options,
      })
      contexts.push(context)
      const page = await context.newPage()
      page.on('console', (message) => {
        // An answer other than 200 is logged there too.
        if (!/status of 4\d\d/.test(message.text())) complaints.push(message.text())
      })
      page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText ?? ''}`))
      return page
    },
    async form(config = CONFIG, options = {}) {
      const { id, path } = await form(server, config, options)
      return { id, url: server.http + path }
    },
    fieldsOf: async (id) => (await jobsOf(server, id)).map(({ parameters }) => parameters['fields']),
  }
}

/** Writes what CONFIG needs. */
export async function fillIn(page: Page): Promise<void> {
  await page.getByLabel('Company').fill('Müller & Söhne')
  await page.getByLabel('E-mail for invoices').fill('ann@example.org')
  await page.getByLabel('Country').selectOption('Belgium')
  await page.getByRole('radio', { name: '30 days' }).check()
  await page.getByLabel('The bank details are checked').check()
}

/** Presses the button. */
export function send(page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Send' }).click()
}
