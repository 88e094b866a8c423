import { HAS_SQLD } from '../tests/contract/sqld.ts'
import { clientBatch, inTemporaryFolder, ourStore, plainFile, preparedRows, remoteStore, type Writer } from './bare.ts'
import { type Lifelike, lifelike } from './lifelike.ts'
import { quantile } from './measure.ts'
import { type Bound, number, type Table } from './table.ts'

/** The store alone, on a file, WAL and `synchronous=FULL`: how fast turns of different sizes become durable. */

/** Job rows in a turn, and how many turns one round writes. */
const SIZES = [{ rows: 1, turns: 400 }, { rows: 16, turns: 150 }, { rows: 128, turns: 40 }, { rows: 512, turns: 12 }]
const ROUNDS = 3
/** Our store against prepared statements for the same rows. */
const RATIO_MAX = 2
const CONTROL = 'control: libsql, prepared, per row'

const WRITERS: readonly (readonly [name: string, open: (folder: string) => Writer | Promise<Writer>])[] = [
  ['our store', ourStore],
  ...(HAS_SQLD ? [['our store, on a libSQL server', remoteStore] as const] : []),
  [CONTROL, preparedRows],
  ['control: @libsql/client batch, per row', clientBatch],
  ['control: append and fdatasync', plainFile],
]

export async function commitBench(): Promise<readonly Table[]> {
  const rows: string[][] = []
  const bounds: Bound[] = []
  for (const { rows: size, turns } of SIZES) {
    const times = await measure(size, turns)
    const [ours] = times
    const control = times[WRITERS.findIndex(([name]) => name === CONTROL)] ?? []
    bounds.push({
      of: `${size} job rows, our store / prepared statements`,
      value: total(ours ?? []) / total(control),
      most: RATIO_MAX,
    })
    for (const [i, [name]] of WRITERS.entries()) {
      const ms = times[i] ?? []
      // Each job is written twice: submitted, and completed.
      const perSecond = 1000 * size * ms.length / total(ms)
      rows.push([
        i === 0 ? `${size} job rows: ${name}` : `  ${name}`,
        number(1000 * ms.length / total(ms)),
        number(perSecond),
        number(perSecond / 2),
        number(total(ms) / ms.length, 3),
        number(quantile(ms, 0.99), 2),
        number(total(ms) / total(ours ?? []), 2),
      ])
    }
  }
  return [{
    title: 'commit: turns made durable, WAL and synchronous=FULL, in a file in the temporary folder',
    columns: ['turn', 'turns/s', 'job rows/s', 'jobs/s', 'ms/commit', 'p99 ms', 'time vs ours'],
    rows,
    notes: [
      'A turn of n job rows also has 2n history rows and one workflow row, as the core makes them: one half of the jobs',
      'is submitted and offered, the other accepted and completed. A job is two job rows, so jobs/s is half of rows/s.',
      `${ROUNDS} rounds, each with new files; the writers by turns in each round, all with the same turns: ` +
      SIZES.map(({ rows: perTurn, turns }) => `${turns} of ${perTurn}`).join(', ') + '.',
      'The controls write whole rows into the same schema: one prepared statement of the',
      '`libsql` addon run for each row; one batch of `@libsql/client` with a statement for each row; and the same bytes',
      'at the end of a plain file with one fdatasync, which is the floor that the disk sets.',
      'The libSQL server is a process beside this one, over loopback; it does not wait for the disk.',
    ],
    bounds,
  }]
}

/** Milliseconds of every commit, for each writer. */
async function measure(size: number, turns: number): Promise<readonly (readonly number[])[]> {
  const times: number[][] = WRITERS.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    const life = lifelike(size, turns)
    for (const [i, [, open]] of WRITERS.entries()) {
      times[i]?.push(...await inTemporaryFolder(async (folder) => writeAll(await open(folder), life)))
    }
  }
  return times
}

async function writeAll(writer: Writer, { before, turns }: Lifelike): Promise<readonly number[]> {
  for (const turn of before) await writer.write(turn)
  const times: number[] = []
  for (const turn of turns) {
    const begin = performance.now()
    await writer.write(turn)
    times.push(performance.now() - begin)
  }
  await writer.close()
  return times
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
