import { DatabaseSync } from 'node:sqlite'

/**
 * Fills the database of a stopped server with copies of the jobs that are in it, which is a hundred times as fast as to
 * run them. A copy has an id and numbers of its own, and everything that belongs to a job is copied with it.
 */

/** Copies that one transaction makes. */
const STEP = 50_000
/** Numbers that one copy may use: a job and its rows, some of which have two. */
const NUMBERS = 64

/** Values that a copy has instead of its original's; `n` is the number of the copy, from 1. */
export type Changes = Readonly<Record<string, string>>

export function copyJobs(file: string, copies: number, changes: Changes): void {
  const db = new DatabaseSync(file)
  try {
    db.exec('pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -200000')
    // The copies are older than everything that is still to come, a millisecond each.
    const { seq, at } = db.prepare('select seq, (select min(created_at) from jobs) at from meta').get() as {
      seq: number
      at: number
    }
    const originals = db.prepare('select count(*) n from jobs').get() as { n: number }
    db.exec(`
      create temp table originals as select row_number() over (order by rowid) - 1 place, id, seq from jobs;
      create temp table copies (n integer primary key, source, id, source_seq)
    `)
    const tables = belonging(db)
    for (let done = 0; done < copies; done += STEP) {
      const until = Math.min(copies, done + STEP)
      db.exec(`
        begin;
        delete from copies;
        with recursive numbers(n) as (select ${done + 1} union all select n + 1 from numbers where n < ${until})
        insert into copies select n, o.id, ${idOf('o', `${at - copies} + n`)}, o.seq
        from numbers join originals o on o.place = n % ${originals.n};
        ${copyOf(db, 'jobs', 'id', seq, { ...changes, created_at: `${at - copies} + n` })};
        ${tables.map(({ table, key }) => `${copyOf(db, table, key, seq, {})};`).join('\n')}
        commit
      `)
    }
    db.exec(
      `update meta set seq = ${seq} + ${NUMBERS} * (${copies} + 1), checksum = null; pragma wal_checkpoint(truncate)`,
    )
  } finally {
    db.close()
  }
}

/** Adds so many copies of the newest row of a table, each with an id and a number of its own. */
export function copyRows(file: string, table: string, copies: number, changes: Changes): void {
  const db = new DatabaseSync(file)
  try {
    db.exec('pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -200000')
    const { seq, clock } = db.prepare('select seq, clock from meta').get() as { seq: number; clock: number }
    const columns = db.prepare(`select name from pragma_table_info('${table}')`).all() as unknown as { name: string }[]
    const values = columns.map(({ name }) => {
      if (name === 'seq') return `${seq} + n`
      if (name === 'id') return idOf('t', `${clock - copies} + n`)
      if (name === 'checksum') return 'null'
      return changes[name] ?? `t.${name}`
    })
    db.exec(`
      begin;
      create temp table template as select * from ${table} order by seq desc limit 1;
      with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${copies})
      insert into ${table} (${columns.map(({ name }) => name).join()})
      select ${values.join()} from numbers cross join template t;
      update meta set seq = ${seq + copies}, checksum = null;
      commit;
      pragma wal_checkpoint(truncate)
    `)
  } finally {
    db.close()
  }
}

/** A table whose rows belong to a job, and the column that says to which: by its id, or as `job` by its number. */
interface Belonging {
  readonly table: string
  readonly key: string
}

/** Tables that have rows of jobs. */
function belonging(db: DatabaseSync): readonly Belonging[] {
  const tables = db.prepare(`
    select m.name as "table", c.name as key from sqlite_schema m join pragma_table_info(m.name) c on c.name in ('job', 'job_id')
    where m.type = 'table' and m.name not in ('idempotency', 'trigger_events', 'schedule_runs')
  `).all() as unknown as readonly Belonging[]
  return tables.filter(({ table, key }) =>
    db.prepare(`select 1 from ${table} where ${key} in (select ${jobKey(key)} from jobs) limit 1`).get() !== undefined
  )
}

function jobKey(key: string): 'id' | 'seq' {
  return key === 'job' ? 'seq' : 'id'
}

/** Inserts the rows of the copies. Rows of a job keep their order, with numbers from the range of its copy. */
function copyOf(db: DatabaseSync, table: string, key: string, seq: number, changes: Changes): string {
  const columns = db.prepare(`select name from pragma_table_info('${table}')`).all() as unknown as { name: string }[]
  const place = `(select count(*) from ${table} o where o.${key} = t.${key} and o.seq < t.seq)`
  const values = columns.map(({ name }) => {
    if (name === key) return jobKey(key) === 'id' ? 'copies.id' : `${seq} + ${NUMBERS} * n`
    if (name.endsWith('checksum')) return 'null'
    if (name === 'seq') return `${seq} + ${NUMBERS} * n + 2 * ${place}`
    return changes[name] ?? `t.${name}`
  })
  return `
    insert into ${table} (${columns.map(({ name }) => name).join()})
    select ${values.join()} from copies join ${table} t on t.${key} = copies.${
    jobKey(key) === 'id' ? 'source' : 'source_seq'
  }
  `
}

/** A UUID of version 7 of that instant, of the same kind as the ids that are there: text, or 16 bytes. */
function idOf(row: string, ms: string): string {
  const hex = `printf('%012x7%03x8%015x', ${ms}, n % 4096, n)`
  const text = [[1, 8], [9, 4], [13, 4], [17, 4], [21, 12]]
    .map(([from, length]) => `substr(${hex}, ${from}, ${length})`)
    .join(` || '-' || `)
  return `case typeof(${row}.id) when 'blob' then unhex(${hex}) else ${text} end`
}
