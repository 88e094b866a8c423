import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { number } from '../table.ts'
import { type Plan } from './compare.ts'
import { startOurs } from './ours.ts'
import { markdown, type Results } from './results.ts'
import { onStage, temporaryFolder } from './stage.ts'
import { rmSync } from 'node:fs'

/** Bytes on disk of a job that has ended, with its history and no log lines, table by table. */

/** A table that does not grow with jobs is a few pages. */
const FIXED_BYTES = 10 * 4_096

interface Use {
  readonly name: string
  readonly table: string
  readonly bytes: number
  readonly rows: number | null
}

/** Pages of each table and index. Every page counts whole: what is free in it is on the disk, too. */
function diskUse(file: string): readonly Use[] {
  const db = new DatabaseSync(file)
  try {
    const all = db.prepare(`
      select s.name, s.tbl_name, s.type, d.bytes
      from (select name, sum(pgsize) bytes from dbstat group by name) d join sqlite_schema s on s.name = d.name
      order by s.tbl_name, s.type desc, s.name
    `).all() as unknown as readonly { name: string; tbl_name: string; type: string; bytes: number }[]
    return all.map(({ name, tbl_name, type, bytes }) => {
      const counted = type === 'table' ? db.prepare(`select count(*) n from "${name}"`).get() as { n: number } : null
      return { name, table: tbl_name, bytes: Number(bytes), rows: counted === null ? null : Number(counted.n) }
    })
  } finally {
    db.close()
  }
}

/** Runs so many jobs, stops the server, and compares its file with what it was before them. */
export async function disk(plan: Plan, results: Results): Promise<string> {
  const folder = await temporaryFolder()
  try {
    const server = await startOurs(join(folder, 'data'))
    await onStage('ours', 'http', async (stage) => {
      await stage.work()
      await stage.endToEnd(plan.jobs, { inFlight: plan.inFlight, batch: null })
      await stage.verify()
    }, server)
    await server.stop()
    const all = diskUse(join(folder, 'data/orchestrator.db'))
    // The others have no row of a job.
    const uses = all.filter(({ bytes }) => bytes > FIXED_BYTES)
    const total = uses.reduce((sum, { bytes }) => sum + bytes, 0)
    results.add('bytes', 'ours', total / plan.jobs)
    return markdown(
      ['table or index', 'rows a job', 'bytes a job'],
      [
        ...uses.map(({ name, table, bytes, rows }) => [
          name === table ? `\`${name}\`` : `index \`${name}\` of \`${table}\``,
          rows === null ? '' : number(rows / plan.jobs, 1),
          number(bytes / plan.jobs),
        ]),
        ['**together**', '', number(total / plan.jobs)],
      ],
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
