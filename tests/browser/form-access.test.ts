import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { CONFIG, fillIn, send, useFormLab } from './forms.ts'

/** Forms for everybody: what axe finds, small screens, and hands that are not steady. Axe itself needs scripts. */

const { visit, form, server } = useFormLab()

const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** The excess width of a page over the viewport, and the height of everything clickable. */
const MEASURE = `({
  width: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  targets: [...document.querySelectorAll('.box, button, .choice, .summary a')]
    .map((target) => Math.round(target.getBoundingClientRect().height)),
})`

describe.each(
  [
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['more contrast', { colorScheme: 'light', contrast: 'more' }],
    ['colours of the system', { forcedColors: 'active' }],
    ['320 pixels wide', { viewport: { width: 320, height: 640 } }],
  ] as const,
)('for everybody: %s', (_, options) => {
  async function check(page: Page): Promise<void> {
    // By the debugger, and so under the policy of the page, which no test has to lift.
    await page.evaluate(axe.source)
    const { violations, passes } = await page.evaluate<AxeResults>(`axe.run({ runOnly: ${JSON.stringify(STANDARDS)} })`)
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
    expect(passes.length).toBeGreaterThan(10)
    const { width, targets } = await page.evaluate<{ readonly width: number; readonly targets: readonly number[] }>(
      MEASURE,
    )
    expect(width).toBe(0)
    expect(targets.filter((height) => height < 44)).toEqual([])
  }

  test('nothing that axe finds, no scrolling sideways, and targets of 44 pixels', async () => {
    const { url } = await form(CONFIG, { secret: 'a code of 16 letters' })
    const page = await visit({ javaScriptEnabled: true, ...options })
    await page.goto(url)
    await check(page)
    await page.getByLabel('Access code').fill('a code of 16 letters')
    await send(page)
    await page.getByText('answers need another look').waitFor()
    await check(page)
    await fillIn(page)
    await page.getByLabel('Access code').fill('wrong')
    await send(page)
    await check(page)
    await page.getByLabel('Access code').fill('a code of 16 letters')
    await send(page)
    await page.getByRole('status').waitFor()
    await check(page)
    await page.goto(`${server.http}/form/none`)
    await page.evaluate(axe.source)
    await check(page)
  })
})
