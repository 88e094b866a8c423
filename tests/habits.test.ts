import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import deno from '../deno.json' with { type: 'json' }
import lock from '../package-lock.json' with { type: 'json' }
import pkg from '../package.json' with { type: 'json' }
import node24 from './node24/package.json' with { type: 'json' }

/** The files beside the source agree with each other, and with what they describe. */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n').filter((path) => path !== '' && existsSync(join(ROOT, path)))
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Files that we do not format, or whose exact bytes matter. */
const AS_THEY_ARE = /^(LICENSE|package-lock\.json)$|\.(csv|eml|png|bin)$/

test('files are as .editorconfig says', () => {
  expect(FILES.filter((path) => !AS_THEY_ARE.test(path) && !isTidy(textOf(path)))).toEqual([])
})

test('.editorconfig says what the formatter does', () => {
  const text = textOf('.editorconfig')
  expect(text).toContain(`\nindent_size = ${deno.fmt.indentWidth}\n`)
  expect(text).toContain(`\nmax_line_length = ${deno.fmt.lineWidth}\n`)
})

test('the diffs in CONTRIBUTING.md are of what is here', () => {
  const blocks = [...textOf('CONTRIBUTING.md').matchAll(/^```diff\n(.*?)^```$/gms)]
  expect(blocks.length).toBeGreaterThan(3)
  const wrong = blocks.flatMap(([, diff = '']) =>
    diff.split(/^\+\+\+ /m).slice(1).flatMap((part) => {
      const [path = '', ...added] = part.trimEnd().split('\n')
      const lines = existsSync(join(ROOT, path)) ? textOf(path).split('\n') : []
      return added.filter((line) => !lines.includes(line.slice(1))).map((line) => `${path}: ${line}`)
    })
  )
  expect(wrong).toEqual([])
})

describe('package.json', () => {
  const address = pkg.homepage.replace('#readme', '')

  test('names one repository, and RELEASING.md and the OpenAPI document are the only other files that do', () => {
    expect(pkg.repository).toEqual({ type: 'git', url: `git+${address}.git` })
    expect(pkg.bugs).toBe(`${address}/issues`)
    const path = address.replace('https://github.com/', '')
    expect(FILES.filter((file) => textOf(file).includes(path))).toEqual([
      'RELEASING.md',
      'package.json',
      'schemas/openapi.json',
    ])
  })

  test('pins every dependency to one version', () => {
    const versions = Object.values({ ...pkg.dependencies, ...pkg.devDependencies })
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  test('has every import of one package in one version', () => {
    expect(lock.packages[''].dependencies).toEqual(pkg.dependencies)
    expect(lock.packages[''].devDependencies).toEqual(pkg.devDependencies)
  })

  test('every version that is held back has its reason in dependabot.yml', () => {
    const lines = textOf('.github/dependabot.yml').split('\n')
    const held = lines.flatMap((line, i) => {
      const name = /^ +- dependency-name: '?([^']+?)'?$/.exec(line)?.[1]
      return name === undefined ? [] : [{ name, reason: /^ +# \S+/.test(lines[i - 1] ?? '') }]
    })
    const known = Object.keys({ ...pkg.dependencies, ...pkg.devDependencies, ...node24.optionalDependencies })
    expect(held.length).toBeGreaterThan(0)
    expect(held.filter(({ name, reason }) => !reason || !known.includes(name))).toEqual([])
  })
})

describe('.github', () => {
  const workflows = FILES.filter((path) => path.startsWith('.github/workflows/'))

  test('every action is pinned to a commit, with its version beside it', () => {
    const used = workflows.flatMap((path) => [...textOf(path).matchAll(/uses: (.+)/g)].map((match) => match[1] ?? ''))
    const foreign = used.filter((action) => !action.startsWith('./'))
    expect(foreign.length).toBeGreaterThan(0)
    expect(foreign.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([])
  })

  test('pull requests are tested by what a clean clone is tested by, on every Node', () => {
    const text = textOf('.github/workflows/ci.yml')
    expect(text).toMatch(/^on:\n {2}pull_request:\n/m)
    expect(text).toMatch(/^ +- run: \.ci\/run$/m)
    expect(text).toContain('node: [20, 22, 24]')
    expect(textOf('README.md')).toContain('Node 20, 22 or 24')
  })

  test('only a tag that has passed is published, with provenance, and by nothing that holds a token', () => {
    const text = textOf('.github/workflows/release.yml')
    expect(text).toContain("on:\n  push:\n    tags: ['v*']\n")
    expect(text).toContain('needs: test\n')
    expect(text).toContain('npm publish --provenance ')
    for (const path of workflows) {
      expect(textOf(path), path).toMatch(/^permissions:\n {2}contents: read\n/m)
      expect(textOf(path), path).not.toMatch(/secrets\.|_TOKEN/)
    }
    expect(workflows.filter((path) => textOf(path).includes('id-token: write'))).toEqual([
      '.github/workflows/release.yml',
    ])
  })
})

describe('documents', () => {
  const pages = FILES.filter((path) => path.endsWith('.md'))

  test('docs/README.md leads to every page', () => {
    const here = textOf('docs/README.md')
    const others = FILES.filter((path) => /^docs\/[^/]+\.md$/.test(path) && path !== 'docs/README.md')
    expect(others.length).toBeGreaterThan(10)
    expect(others.filter((path) => !here.includes(`](${path.replace('docs/', '')})`))).toEqual([])
  })

  test('docs/decisions/README.md lists every record as it is called, and names the numbers that are missing', () => {
    const records = FILES.filter((path) => /^docs\/decisions\/\d{4}-[^/]+\.md$/.test(path)).toSorted()
    const rows = records.map((path) => {
      const [, title, status] = /^# \d+\. (.+)\n\nStatus: (.+)\.\n/.exec(textOf(path)) ?? []
      const name = path.replace('docs/decisions/', '')
      return `| [${name.slice(0, 4)}](${name}) | ${title} | ${status} |`
    })
    const index = textOf('docs/decisions/README.md')
    expect(index.split('\n').filter((line) => line.startsWith('| ['))).toEqual(rows)
    const numbers = records.map((path) => Number(path.slice('docs/decisions/'.length).slice(0, 4)))
    expect(new Set(numbers).size).toBe(numbers.length)
    const missing = Array.from({ length: Math.max(...numbers) }, (_, i) => i + 1).filter((n) => !numbers.includes(n))
    for (const number of missing) expect(index).toContain(String(number).padStart(4, '0'))
  })

  test('every link between documents leads to a heading or a file that there is', () => {
    const broken = pages.flatMap((page) =>
      linksOf(textOf(page)).filter((link) => !/^[a-z]+:/.test(link)).flatMap((link) => {
        const [file = '', heading] = link.split('#')
        const target = file === '' ? page : normalize(join(dirname(page), file))
        if (!existsSync(join(ROOT, target))) return [`${page}: ${link}`]
        if (heading === undefined || !target.endsWith('.md')) return []
        return headingsOf(textOf(target)).includes(heading) ? [] : [`${page}: ${link}`]
      })
    )
    expect(broken).toEqual([])
  })

  test('every npm script that a document names is there', () => {
    const named = ['README.md', 'CONTRIBUTING.md', 'RELEASING.md', '.github/pull_request_template.md'].flatMap((page) =>
      [...textOf(page).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '')
    )
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !(name in pkg.scripts))).toEqual([])
  })
})

/** Lines end with a line feed and nothing before it, and so does the file; nothing is indented by tabs. */
function isTidy(text: string): boolean {
  return text === '' || (text.endsWith('\n') && !text.endsWith('\n\n') && !/\r|^\t|[ \t]$/m.test(text))
}

function linksOf(page: string): string[] {
  return [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
}

/** The anchors that GitHub gives headings. */
function headingsOf(page: string): string[] {
  const titles = [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '')
  return titles.map((title) => title.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-'))
}

function withoutCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '')
}
