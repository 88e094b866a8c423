import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CronPattern, nextDue, readCron } from '../../core/records/cron.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { changeIn, isZone, wallClockAt } from '../../core/records/zone.ts'
import { dueByOracle, oracleOf } from './cron-oracle.ts'

const MINUTE = 60_000
const DAY = 1_440 * MINUTE
/** No zone changes its clock twice in so short a time. */
const FORTNIGHT = 14 * DAY
const YEARS = [Date.UTC(2020, 0, 1), Date.UTC(2036, 0, 1)] as const

function pattern(text: string, zone: string): CronPattern {
  const read = readCron(text, zone)
  if (isRefusal(read)) throw new Error(read.message)
  return read
}

/** The due instants after one instant and up to another, or at most so many. */
function due(text: string, zone: string, after: number, until: number, most = Infinity): readonly string[] {
  const read = pattern(text, zone)
  const found: string[] = []
  for (let at = nextDue(read, after); at !== null && at <= until && found.length < most; at = nextDue(read, at)) {
    found.push(new Date(at).toISOString().replace('.000Z', 'Z'))
  }
  return found
}

/** Every change of a zone's clock in those years. */
function changesOf(zone: string): readonly number[] {
  const changes: number[] = []
  for (let at: number = YEARS[0]; at < YEARS[1]; at += FORTNIGHT) {
    if (wallClockAt(zone, at) - at === wallClockAt(zone, at + FORTNIGHT) - at - FORTNIGHT) continue
    changes.push(changeIn(zone, at, at + FORTNIGHT) ?? 0)
  }
  return changes
}

/** Every zone of the platform whose clock changes in those years, with its changes. */
const ZONES = Intl.supportedValuesOf('timeZone').map((zone) => ({ zone, changes: changesOf(zone) }))
  .filter(({ changes }) => changes.length > 0)

describe('clocks that change', () => {
  test('there are enough of them to show something', () => {
    expect(ZONES.length).toBeGreaterThan(100)
  })

  test('in every zone, the first and the last change: what is due is what a minute by minute walk finds', () => {
    for (const { zone, changes } of ZONES) {
      for (const change of new Set([changes[0] ?? 0, changes.at(-1) ?? 0])) {
        const walk = oracleOf(zone, change - 3 * 60 * MINUTE, change + 4 * 60 * MINUTE)
        for (const text of ['*/20 * * * *', '30 0,1,2,3 * * *', '0 */2 * * *', '15,45 0-4 * * *', '0 0 * * *']) {
          const until = walk.until
          expect(due(text, zone, walk.from, until), `${text} in ${zone}`).toEqual(dueByOracle(text, walk))
        }
      }
    }
  })

  test('patterns by chance, around changes by chance', () => {
    const minutes = fc.oneof(
      fc.constant('*'),
      fc.constantFrom('*/5', '*/7', '0', '30', '59', '0,30', '15-45', '10-50/20'),
      fc.integer({ min: 0, max: 59 }).map(String),
    )
    const hours = fc.oneof(
      fc.constantFrom('*', '*/2', '*/3', '1', '2', '1,2', '0-4', '2,14', '1-3/2', '23', '0'),
      fc.integer({ min: 0, max: 23 }).map(String),
    )
    const days = fc.constantFrom('* * *', '* * *', '* * SUN', '* * 0', '* * 7', '* * MON-FRI', '1-7 * *', '* 3,10 *')
    fc.assert(
      fc.property(fc.nat(), fc.nat(), minutes, hours, days, (zoneAt, changeAt, minute, hour, rest) => {
        const { zone, changes } = ZONES[zoneAt % ZONES.length] ?? { zone: 'UTC', changes: [0] }
        const change = changes[changeAt % changes.length] ?? 0
        const walk = oracleOf(zone, change - 1.2 * DAY, change + 1.2 * DAY)
        const text = `${minute} ${hour} ${rest}`
        expect(due(text, zone, walk.from, walk.until), `${text} in ${zone}`).toEqual(dueByOracle(text, walk))
      }),
      { numRuns: 150 },
    )
  })

  // Known errors of cron libraries, one case each.
  test.each([
    ['a time in the gap runs once, when the gap is over', '30 2 * * *', 'America/New_York', '2026-03-08', [
      '2026-03-08T07:00:00Z',
    ]],
    ['so does a list of times in it', '0,30 2 * * *', 'America/New_York', '2026-03-08', ['2026-03-08T07:00:00Z']],
    ['and with a later hour in the list', '30 2,14 * * *', 'America/New_York', '2026-03-08', [
      '2026-03-08T07:00:00Z',
      '2026-03-08T18:30:00Z',
    ]],
    ['a time in the overlap runs once, the first time', '30 1 * * *', 'America/New_York', '2026-11-01', [
      '2026-11-01T05:30:00Z',
    ]],
    ['so does a list of hours in it', '0 1,13 * * *', 'America/New_York', '2026-11-01', [
      '2026-11-01T05:00:00Z',
      '2026-11-01T18:00:00Z',
    ]],
    ['and a range of hours', '30 1-2 * * *', 'America/New_York', '2026-11-01', [
      '2026-11-01T05:30:00Z',
      '2026-11-01T07:30:00Z',
    ]],
    ['a gap of half an hour', '15 2 * * *', 'Australia/Lord_Howe', '2026-10-04', ['2026-10-03T15:30:00Z']],
    ['an overlap of half an hour', '45 1 * * *', 'Australia/Lord_Howe', '2026-04-05', ['2026-04-04T14:45:00Z']],
    ['midnight that does not exist', '0 0 * * *', 'America/Santiago', '2026-09-06', ['2026-09-06T04:00:00Z']],
    ['a gap that begins a minute past midnight', '1 0,3 * * *', 'Antarctica/Casey', '2020-10-04', [
      '2020-10-03T16:01:00Z',
    ]],
    ['a day that does not exist', '0 12 30 12 *', 'Pacific/Apia', '2011-12-31', ['2011-12-30T10:00:00Z']],
  ])('%s', (_what, text, zone, day, expected) => {
    const dayBegins = Date.parse(`${day}T00:00:00Z`) - 14.5 * 60 * MINUTE
    const inZone = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' })
    const found = due(text, zone, dayBegins, dayBegins + 2 * DAY).filter((at) => inZone.format(new Date(at)) === day)
    expect(found).toEqual(expected)
  })

  test('a pattern whose hours are a star follows elapsed time through gap and overlap', () => {
    const half = '*/30 * * * *'
    const around = (change: string): readonly string[] =>
      due(half, 'Europe/Berlin', Date.parse(change) - 61 * MINUTE, Date.parse(change) + 61 * MINUTE)
    for (const change of ['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z']) {
      expect(around(change)).toHaveLength(5)
      expect(new Set(around(change).map((at, i, all) => i === 0 || Date.parse(at) - Date.parse(all[i - 1] ?? ''))))
        .toEqual(new Set([true, 30 * MINUTE]))
    }
  })
})

describe('patterns', () => {
  const from = Date.parse('2026-01-05T09:00:00Z')

  test.each([
    ['0 9 * * MON-FRI', ['2026-01-06T09:00:00Z', '2026-01-07T09:00:00Z']],
    ['0 9 * * 0', ['2026-01-11T09:00:00Z', '2026-01-18T09:00:00Z']],
    ['0 9 * * 7', ['2026-01-11T09:00:00Z', '2026-01-18T09:00:00Z']],
    ['*/15 * * * * *', ['2026-01-05T09:00:15Z', '2026-01-05T09:00:30Z']],
    ['0 0 L * *', ['2026-01-31T00:00:00Z', '2026-02-28T00:00:00Z']],
    ['0 0 1 JAN,jul *', ['2026-07-01T00:00:00Z', '2027-01-01T00:00:00Z']],
    ['0 12 * * FRI#2', ['2026-01-09T12:00:00Z', '2026-02-13T12:00:00Z']],
    ['  0   9 29 2 *  ', ['2028-02-29T09:00:00Z', '2032-02-29T09:00:00Z']],
  ])('%s', (text, expected) => {
    expect(due(text, 'UTC', from, from + 7 * 365 * DAY, 2)).toEqual(expected)
  })

  test.each([
    ['0 0 30 2 *', /matches no day of any year/],
    ['0 0 31 4,6,9,11 *', /matches no day/],
    ['0 25 * * *', /the hour "25"/],
    ['60 * * * *', /the minute "60"/],
    ['* * * * FOO', /the day of week "FOO"/],
    ['* * * 13 *', /the month "13"/],
    ['99 * * * * *', /the second "99"/],
    ['* * * *', /must have 5 fields, or 6 with seconds first; "\* \* \* \*" has 4/],
    ['0 0 1 1 * 2030 *', /has 7/],
    ['@daily', /has 1/],
    ['2026-01-01T00:00:00', /has 1/],
    ['', /has 1/],
    [`${' '.repeat(201)}* * * * *`, /must not exceed 200 characters/],
    ['22-2 * * * *', /the minute "22-2"/],
    ['*/0 * * * *', /the minute/],
  ])('%s is refused, at once, and the field is named', (text, message) => {
    const refusal = readCron(text, 'Europe/Berlin')
    // CPU time: what others do on this machine should not make us look slow.
    const began = process.cpuUsage()
    readCron(text, 'Europe/Berlin')
    expect(process.cpuUsage(began).user).toBeLessThan(50_000)
    expect(isRefusal(refusal) && refusal.message).toMatch(message)
  })

  test('zones are those of the IANA database, by name', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']) {
      expect(isZone(zone), zone).toBe(true)
    }
    for (const zone of ['Mars/Olympus', '+01:00', '', 'Europe/Berlin; drop', 'local', 'x'.repeat(500)]) {
      expect(isZone(zone), zone).toBe(false)
    }
  })
})
