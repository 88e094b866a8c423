import * as v from 'valibot'
import { isLike } from '../base/glob.ts'
import { isObject } from '../base/json.ts'
import { triggerType } from './trigger-type.ts'

/** An attacker on the way to these could read everything anyway. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1'])
const mailFilter = v.optional(v.pipe(v.string(), v.maxLength(200)))

/** A folder on an IMAP server. */
const Mailbox = v.pipe(
  v.strictObject({
    server: v.pipe(v.string(), v.maxLength(253), v.regex(/^[A-Za-z0-9._:-]+$/, 'must be a host name or an address')),
    port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
    tls: v.optional(v.picklist(['implicit', 'starttls', 'none']), 'implicit'),
    username: v.pipe(v.string(), v.nonEmpty(), v.maxLength(320)),
    folder: v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(500)), 'INBOX'),
    from_filter: mailFilter,
    subject_filter: mailFilter,
    poll_seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(3_600)), 60),
    mark_seen: v.optional(v.boolean(), false),
  }),
  // Anybody on the way could read the password.
  v.forward(
    v.check(({ tls, server }) => tls !== 'none' || LOOPBACK.has(server), 'none is for a server on this machine only'),
    ['tls'],
  ),
)

/** An address, to which the platform brings mail by itself. */
const MailAddress = v.strictObject({
  address: v.pipe(v.string(), v.toLowerCase(), v.maxLength(320), v.regex(/^[^\s@]+@[^\s@]+$/, 'must be an address')),
  from_filter: mailFilter,
  subject_filter: mailFilter,
})

/** Mail comes in: to a folder of an IMAP server, or to an address, as the platform has it. */
export const email = triggerType({
  name: 'email',
  config: v.lazy((given) => isObject(given) && 'address' in given ? MailAddress : Mailbox),
  credential: 'password',
  path: null,
  rateLimited: false,
  source: true,
  listens: () => true,
  // A place in a mailbox says by itself in which one it is.
  cursorSurvivesEdit: true,
  references: () => [],
  subscribes: () => [],
  screen: filterMail,
})

/** The parts of a mail that the filters look at. */
export interface MailSubject {
  readonly from_name: string
  readonly from_address: string
  readonly subject: string
}

function filterMail(
  config: v.InferOutput<typeof Mailbox | typeof MailAddress>,
  { from_name, from_address, subject }: MailSubject,
): string | null {
  if (!isLike(`${from_name} <${from_address}>`, config.from_filter ?? '', false)) return 'from_filter'
  return isLike(subject, config.subject_filter ?? '', false) ? null : 'subject_filter'
}
