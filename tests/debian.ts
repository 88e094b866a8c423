import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** Programs that tests need and that npm does not have: from the packages of Debian. */

/** Folders of servers, which are not in an ordinary user's PATH. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin']
/** Test files run in parallel, and only one may install at a time. The lock ends with the process that holds it. */
const LOCK = join(tmpdir(), 'casare-tests-apt.lock')
/** Longer than a browser takes on a slow line. */
const INSTALL_MS = 300_000
const WAIT_SECONDS = 280

/**
 * The path of a program. Where it is absent, its package is installed first; where that cannot be done it throws and says
 * why, for a test that is skipped would pass. A hook that calls this needs a time limit of some minutes.
 */
export async function debian(program: string, pkg: string): Promise<string> {
  const there = pathOf(program)
  if (there !== null) return there
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || pathOf('apt-get') === null) {
    throw new Error(`${program} is not installed, and only root on Debian can install it: apt-get install ${pkg}`)
  }
  const wait = `DPkg::Lock::Timeout=${WAIT_SECONDS}`
  const install = `apt-get install -y -q --no-install-recommends -o ${wait} "$1"`
  // A list of packages that is absent or too old names files that the mirror does not have (any more).
  const script = `${install} || { apt-get update -q -o ${wait} && ${install}; }`
  try {
    await promisify(execFile)('flock', ['-w', String(WAIT_SECONDS), LOCK, 'sh', '-c', script, 'sh', pkg], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: INSTALL_MS,
      maxBuffer: 1 << 26,
    })
  } catch (error) {
    throw new Error(`${pkg} could not be installed: ${String((error as { stderr?: string }).stderr ?? error)}`, {
      cause: error,
    })
  }
  const installed = pathOf(program)
  if (installed === null) throw new Error(`the package ${pkg} has no program ${program}`)
  return installed
}

function pathOf(program: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SBIN].filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
