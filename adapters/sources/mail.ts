import type { Address, Attachment, Email } from 'postal-mime'
import { instantText } from '../../core/base/instant.ts'
import type { Screening } from '../../core/events/triggers.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import type { MailSubject } from '../../core/trigger-types/email.ts'
import { screen } from '../../core/triggers/screen.ts'
import type { Millis } from '../../core/base/ids.ts'
import { cut } from '../../core/base/text.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { asWindows1252, MISREADS_WINDOWS_1252 } from '../net/charset.ts'
import { sha256 } from '../crypto/secrets.ts'
import { HTML_CHARS_MAX, MailParser, textOfHtml } from './mail-text.ts'

/**
 * Converts mail to payloads, in the same way on every runtime. Nothing in a mail can be trusted, least of all the
 * sender.
 */

/** Of a larger mail only the headers are read. */
export const MAIL_BYTES_MAX = 10 << 20
/** The number of bytes fetched of such a mail: they contain the headers, or the beginning of them. */
export const HEADER_BYTES_MAX = 256 << 10

/** The payload as JSON stays below the frame limit of robots. */
const BODY_CHARS_MAX = 64 << 10
const LINE_CHARS_MAX = 1_000
const NAME_CHARS_MAX = 255
const ATTACHMENTS_MAX = 100
const CC_MAX = 100
/**
 * The limit of lines. The parser's work and memory grow with the lines, and a line may be one byte: ten million of them
 * crash the process. A mail of the maximum size with attachments in the usual lines of 76 characters stays within the
 * limit.
 */
const LINES_MAX = 150_000
/** The limit of parts, each of which costs as much as twenty lines. */
const PARTS_MAX = 10_000
const DEPTH_MAX = 50

/** A mail in the form that fires a trigger. */
export interface Mail {
  readonly payload: JsonObject
  /** The same for the same mail wherever and however often it arrives; null if it has no usable id. */
  readonly dedupeKey: string | null
}

/** Facts about a mail from the server that delivered it. */
export interface MailArrival {
  /** The id of the mail there. */
  readonly id: string | null
  readonly at: Millis
  /** In bytes. Above MAIL_BYTES_MAX, only the beginning is available. */
  readonly size: number
  /** The reason why the mail could not be read completely. */
  readonly note?: string
}

/**
 * Parses a mail. Never throws: if the mail is too large or malformed, only its headers are parsed, and if these are
 * malformed, nothing is; `notes` in the payload says what is missing.
 */
export async function readMail(raw: Uint8Array, { id, at, size, note }: MailArrival): Promise<Mail> {
  const notes = note === undefined ? [] : [note]
  const mail = await parse(raw, size, notes)
  const from = mailboxes([mail.from])[0]
  const messageId = line(mail.messageId ?? '') || null
  const attachments = mail.attachments.slice(0, ATTACHMENTS_MAX)
  if (attachments.length < mail.attachments.length) {
    notes.push(`Only ${ATTACHMENTS_MAX} of ${mail.attachments.length} attachments are listed`)
  }
  const body = shortened('body', mail.text ?? await textOf(mail.html ?? '', notes), notes)
  const payload = {
    email_id: id ?? messageId,
    message_id: messageId,
    from_address: line(from?.address ?? ''),
    from_name: line(from?.name ?? ''),
    to_address: line(mailboxes(mail.to).map(({ address }) => address).join(', ')),
    cc: mailboxes(mail.cc).slice(0, CC_MAX).map(({ address }) => line(address, NAME_CHARS_MAX)),
    subject: line(mail.subject ?? ''),
    body,
    html: mail.html === undefined ? null : shortened('html', mail.html, notes),
    // The parser returns a date that it cannot parse unchanged.
    sent_at: line(mail.date ?? '') || null,
    received_at: instantText(at),
    size_bytes: size,
    attachments: attachments.map(listed),
    notes,
  }
  const { message_id, sent_at, from_address, to_address, subject } = payload
  const same = JSON.stringify([message_id, sent_at, from_address, to_address, subject, body])
  return { payload, dedupeKey: messageId === null ? null : `mail:${sha256(same)}` }
}

/** Asks the filters of a trigger about a mail. Mail that they skip is listed without its text. */
export function screenMail(
  trigger: TriggerRow,
  payload: JsonObject,
): { readonly screening: Screening; readonly payload: JsonObject } {
  const screening = screen(trigger, 'email', payload as unknown as MailSubject)
  if (screening.reason === null) return { screening, payload }
  const notes = ['A filter of the trigger skipped this mail: its text is not kept']
  return { screening, payload: { ...payload, body: '', html: null, attachments: [], notes } }
}

async function parse(raw: Uint8Array, size: number, notes: string[]): Promise<Email> {
  if (size > MAIL_BYTES_MAX) {
    notes.push(`The mail has ${size} bytes, more than ${MAIL_BYTES_MAX}: only its headers were read`)
  } else if (hasTooManyLines(raw)) {
    notes.push(`The mail has more than ${LINES_MAX} lines, or ${PARTS_MAX} parts: only its headers were read`)
  } else {
    try {
      return await new MailParser({ maxNestingDepth: DEPTH_MAX }).parse(raw)
    } catch (error) {
      notes.push(`The mail could not be taken apart: ${line(String(error))}`)
    }
  }
  try {
    return await new MailParser().parse(headersOf(raw))
  } catch (error) {
    notes.push(`Its headers could not be read: ${line(String(error))}`)
    return { headers: [], headerLines: [], attachments: [] }
  }
}

/** True if there are too many lines, or too many that begin with two hyphens, as each part does. */
function hasTooManyLines(raw: Uint8Array): boolean {
  let [lines, parts] = [0, 0]
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] !== LINE_FEED) continue
    lines++
    if (raw[at + 1] === HYPHEN && raw[at + 2] === HYPHEN) parts++
  }
  return lines > LINES_MAX || parts > PARTS_MAX
}

const HYPHEN = 0x2d
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** The bytes before the first empty line, without the headers that describe the body. */
function headersOf(raw: Uint8Array): Uint8Array {
  const beginning = raw.subarray(0, HEADER_BYTES_MAX)
  for (let at = beginning.indexOf(LINE_FEED); at !== -1; at = beginning.indexOf(LINE_FEED, at + 1)) {
    const next = beginning[at + 1] === CARRIAGE_RETURN ? at + 2 : at + 1
    if (beginning[next] === LINE_FEED) return beginning.subarray(0, at + 1)
  }
  return beginning
}

async function textOf(html: string, notes: string[]): Promise<string> {
  if (html.length > HTML_CHARS_MAX) notes.push(`Field body is made of ${HTML_CHARS_MAX} of ${html.length} characters`)
  return textOfHtml(html.slice(0, HTML_CHARS_MAX))
}

function listed({ filename, mimeType, contentId, disposition, related, content }: Attachment): JsonObject {
  return {
    filename: filename === null ? null : line(filename, NAME_CHARS_MAX),
    mime_type: line(mimeType, NAME_CHARS_MAX),
    size_bytes: typeof content === 'string' ? content.length : content.byteLength,
    content_id: contentId === undefined ? null : line(contentId, NAME_CHARS_MAX),
    inline: disposition === 'inline' || related === true,
  }
}

function mailboxes(addresses: readonly (Address | undefined)[] = []): readonly { name: string; address: string }[] {
  return addresses.flatMap((one) => one === undefined ? [] : one.group ?? [one])
}

/** A text on one line, without control characters, which JSON would escape in six characters each. */
function line(text: string, charsMax = LINE_CHARS_MAX): string {
  return cut(readAright(text), charsMax).replace(CONTROLS, ' ').trim()
}

// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f]/g

function shortened(field: string, text: string, notes: string[]): string {
  const kept = cut(readAright(text), BODY_CHARS_MAX)
  if (text.length > kept.length) notes.push(`Field ${field} is cut to ${kept.length} of ${text.length} characters`)
  return kept.replace(CONTROLS, (one) => '\t\n\r'.includes(one) ? one : ' ')
}

/**
 * Repairs text of the platform's decoder. The C1 characters that a faulty one makes of windows-1252 do not occur in
 * mail.
 */
const readAright = MISREADS_WINDOWS_1252 ? asWindows1252 : (text: string): string => text
