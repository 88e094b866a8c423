import { type Browser, chromium } from 'playwright-core'
import { debian } from '../debian.ts'

/** A real browser: Debian's Chromium, without a window. Longer than this it does not take to install and start. */
export const BROWSER_MS = 300_000

/** Starts it, with a profile of its own that goes with it, and nothing that it does over the network. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: await debian('chromium', 'chromium'),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // There is nobody beside this machine, and nobody is asked for.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
  })
}
