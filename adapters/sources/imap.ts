import type { ImapFlow } from 'imapflow'
import { parseInstant } from '../../core/base/instant.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { tryEach } from '../../outgoing/request.ts'
import {
  imapProblem,
  type MailReach,
  type MailServerConfig,
  newImapClient,
  problemWithServer,
  serverAddresses,
  withTimeout,
} from './imap-client.ts'
import { arrivalOf, cameAfter, DAY_MS, type MailHeaders, positionAfter, searchMail } from './imap-mail.ts'
import { cursorOf, type MailboxPosition, positionOf } from './mail-position.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { HEADER_BYTES_MAX, type Mail, MAIL_BYTES_MAX, readMail, screenMail } from './mail.ts'
import type { SourceContext, SourceEvent, StartSource } from './sources.ts'

/** Fetches mail from a folder on an IMAP server: one connection for each trigger, which waits for new mail. */

/** The trigger's `config`. */
interface ImapConfig extends MailServerConfig {
  readonly folder: string
  readonly poll_seconds: number
  readonly mark_seen: boolean
}

const AGAIN_MS = 1_000
const AGAIN_MS_MAX = 300_000
/** The limit of the pause while the orchestrator accepts nothing. */
const LATER_MS_MAX = 60_000
const LIST_MAX = 100
/**
 * After this many failures of the server over one mail, that mail is passed on without its content, so that later mail
 * is not blocked.
 */
const TRIES_MAX = 4

/**
 * Fires the trigger for each mail that arrives in the folder, in the server's order. After a lost connection or a
 * refused login it tries again with doubling pauses; `context.setStatus` reports which it is. The position in the
 * folder is stored with the trigger in the turn in which the mail fires. Without a stored position, or with one of
 * another folder or of a folder that the server has recreated, mail counts as new if it arrived after the trigger was
 * created, last changed, or last fired, by the server's clock.
 */
export const fetchMail = (from: MailReach): StartSource => (trigger, context) => {
  const reader = new ImapReader(trigger, context, from)
  const { folder } = reader
  const position = positionOf(trigger.cursor)
  // Servers keep whole seconds: mail from the second in which the trigger was created counts as later.
  const created = Math.floor(trigger.created_at / 1000) * 1000 - 1
  if (position?.folder === folder) reader.position = position
  const done = reader.run(
    position === null ? created : Math.max(position.at, position.folder === folder ? 0 : trigger.updated_at),
  )
  return {
    async stop() {
      reader.end()
      await done
    },
  }
}

/**
 * The reason why mail cannot be fetched from there: an address, which works on Workers only, or a server that may not
 * be reached.
 */
export const checkMailServer = (from: MailReach) => (config: JsonObject): Refusal | null => {
  if ('address' in config) {
    const message = 'Field config.address: mail is delivered to addresses on Workers only; name a server here'
    return refuse('INVALID_PAYLOAD', message, { fields: ['config.address'] })
  }
  const problem = problemWithServer(config as unknown as ImapConfig, from)
  if (problem === null) return null
  return refuse('INVALID_PAYLOAD', `Field config.server: ${problem}`, { fields: ['config.server'] })
}

class ImapReader {
  position: MailboxPosition | null = null
  readonly folder: string
  readonly #trigger: TriggerRow
  readonly #config: ImapConfig
  readonly #context: SourceContext
  readonly #from: MailReach
  readonly #stop = new AbortController()
  #client: ImapFlow | null = null
  #ended = false
  /** Ends the current wait, if there is one. */
  #wake = (): void => {}
  #news = false
  /** The position stored last. */
  #savedCursor = ''
  /** Failures since the last success. */
  #failures = 0
  /** The mail that was next when an error occurred, and the number of tries. */
  #next = { uid: 0, tries: 0 }
  /** Mail up to this UID may contain one that makes the server fail. */
  #suspect = 0

  constructor(trigger: TriggerRow, context: SourceContext, from: MailReach) {
    // Validated when it was saved.
    const config = this.#config = trigger.config as unknown as ImapConfig
    this.#trigger = trigger
    this.#context = context
    this.#from = from
    this.folder = `${config.username}@${config.server}/${config.folder}`
  }

  /** Runs until `end`. Mail from before `since` is old, unless a stored position says otherwise. */
  async run(since: Millis): Promise<void> {
    while (!this.#ended) {
      try {
        const addresses = await serverAddresses(this.#config, this.#from, this.#stop.signal)
        await tryEach(addresses, (address) => this.#session(address, since))
      } catch (error) {
        if (this.#ended) return
        this.#context.setStatus('error', imapProblem(error))
        // Servers lock accounts after repeated wrong passwords.
        const locked = (error as { authenticationFailed?: boolean }).authenticationFailed === true
        await this.#wait(locked ? AGAIN_MS_MAX : Math.min(AGAIN_MS * 2 ** this.#failures++, AGAIN_MS_MAX))
      }
    }
  }

  end(): void {
    this.#ended = true
    this.#stop.abort()
    this.#client?.close()
    this.#wake()
  }

  async #session(address: string, since: Millis): Promise<void> {
    const client = this.#client = await newImapClient(this.#config, this.#trigger.signing?.key ?? '', address)
    const look = (): void => {
      // An event of a connection that we have closed must not shorten the pause before the next one.
      if (this.#client !== client) return
      this.#news = true
      this.#wake()
    }
    client.on('exists', look)
    client.on('close', look)
    // Pending commands get the error too; without this listener it would end the process.
    client.on('error', look)
    try {
      if (this.#ended) return
      await client.connect()
      const { folder, mark_seen, poll_seconds } = this.#config
      const { uidValidity, uidNext } = await client.mailboxOpen(folder, { readOnly: !mark_seen })
      this.#context.setStatus('active', `Waits for mail in ${folder}`)
      const validity = String(uidValidity)
      if (this.position?.validity !== validity) {
        const after = this.position?.at ?? since
        this.position = { validity, uid: 0, at: after, below: uidNext - 1, since: after, folder: this.folder }
      }
      while (!this.#ended) {
        this.#news = false
        await this.#readNew(client, this.position)
        await this.#saveCursor(this.position)
        this.#failures = 0
        if (!this.#news) await this.#wait(poll_seconds * 1000)
        // Not every server announces mail, and not every lost connection is noticed.
        await withTimeout(client.noop())
      }
    } finally {
      this.#client = null
      client.close()
    }
  }

  async #readNew(client: ImapFlow, from: MailboxPosition): Promise<void> {
    const { uid, below, since } = from
    let position = from
    // The server compares dates in its own time zone.
    const days = { since: new Date(since - DAY_MS), uid: `${uid + 1}:${below}` }
    const old = uid < below ? await searchMail(client, days) : []
    const seen = Math.max(uid, below)
    // A range always includes the last mail.
    const fresh = (await searchMail(client, { uid: `${seen + 1}:*` })).filter((one) => one > seen)
    const uids = [...old, ...fresh]
    for (let i = 0; i < uids.length && !this.#ended;) {
      const page = this.#page(uids.slice(i, i + LIST_MAX))
      i += page.length
      const skipped: SourceEvent[] = []
      for (const mail of await this.#list(client, page)) {
        const before = position
        position = positionAfter(client, before, mail)
        const sketch = await readMail(mail.headers ?? new Uint8Array(), arrivalOf(mail, position))
        const isNew = mail.uid > below || cameAfter(since, mail, parseInstant(String(sketch.payload['sent_at'])) ?? NaN)
        const screened = screenMail(this.#trigger, sketch.payload)
        if (isNew && screened.screening.reason === null) {
          if (!await this.#skip(skipped.splice(0), before) || !await this.#fire(client, mail, position)) return
        } else if (isNew) skipped.push({ ...screened, metadata: this.#metadata })
        this.#failures = 0
      }
      if (!await this.#skip(skipped, position)) return
    }
    if (position.uid < below) this.position = { ...position, uid: below }
  }

  /** The mails to process next: all, or only the first if an error has occurred among them. */
  #page(uids: readonly number[]): readonly number[] {
    const [uid = 0] = uids
    this.#next = { uid, tries: this.#next.uid === uid ? this.#next.tries + 1 : 1 }
    const page = this.#next.tries > 1 || uid <= this.#suspect ? [uid] : uids
    this.#suspect = Math.max(this.#suspect, page.at(-1) ?? 0)
    return page
  }

  /**
   * Fetches the data needed to select mails. After repeated failures over one mail, only its existence is known. Mails
   * deleted meanwhile are left out.
   */
  async #list(client: ImapFlow, page: readonly number[]): Promise<readonly MailHeaders[]> {
    const [uid = 0] = page
    if (this.#next.tries > TRIES_MAX) {
      this.#context.log('warn', 'the server does not give a mail out', { uid })
      return [{ uid }]
    }
    const query = { uid: true, size: true, internalDate: true, headers: ['from', 'subject', 'date'] }
    const mails = await client.fetchAll(page.join(), query, { uid: true })
    if (page.length > 1) this.#suspect = 0
    return mails.sort((a, b) => a.uid - b.uid)
  }

  /** Stores the position after skipped mail, so that it is not fetched again after a restart. */
  async #saveCursor(position: MailboxPosition): Promise<void> {
    const cursor = cursorOf(position)
    if (cursor !== this.#savedCursor && await this.#context.saveCursor(cursor) === 'done') this.#savedCursor = cursor
  }

  get #metadata(): SourceEvent['metadata'] {
    const { server, folder } = this.#config
    return { source: 'imap', server, folder }
  }

  /** Emits the mail that filters skip, all at once so that it shares a commit. False if the source ended before that. */
  async #skip(skipped: readonly SourceEvent[], position: MailboxPosition): Promise<boolean> {
    if (skipped.length > 0 && !await this.#emit(skipped, cursorOf(position))) return false
    this.position = position
    return true
  }

  /** Returns true if the mail was processed, and false if the source ended before that. */
  async #fire(client: ImapFlow, listed: MailHeaders, position: MailboxPosition): Promise<boolean> {
    const mail = await this.#read(client, listed, position)
    if (mail !== null) {
      const screened = screenMail(this.#trigger, mail.payload)
      const event = { ...screened, metadata: this.#metadata, dedupeKey: mail.dedupeKey }
      if (!await this.#emit([event], cursorOf(position))) return false
    }
    this.position = position
    if (mail !== null && this.#config.mark_seen) {
      await client.messageFlagsAdd(String(listed.uid), ['\\Seen'], { uid: true })
    }
    return true
  }

  /** Emits events until all of them are taken, the last one with the cursor. */
  async #emit(events: readonly SourceEvent[], cursor: string): Promise<boolean> {
    let left = events.map((event, i) => i === events.length - 1 ? { ...event, cursor } : event)
    for (let pause = AGAIN_MS;; pause = Math.min(2 * pause, LATER_MS_MAX)) {
      const answers = await Promise.all(left.map((event) => this.#context.emit(event)))
      left = left.filter((_, i) => answers[i] === 'later')
      if (left.length === 0) break
      await this.#wait(pause)
      if (this.#ended) return false
    }
    this.#savedCursor = cursor
    return true
  }

  /** The mail; null if it was deleted meanwhile. */
  async #read(client: ImapFlow, listed: MailHeaders, position: MailboxPosition): Promise<Mail | null> {
    const { uid, size = 0, headers = new Uint8Array() } = listed
    const arrival = arrivalOf(listed, position)
    if (this.#next.tries > TRIES_MAX) {
      return readMail(headers, { ...arrival, note: `The server did not give this mail out in ${TRIES_MAX} tries` })
    }
    const maxLength = size > MAIL_BYTES_MAX ? HEADER_BYTES_MAX : MAIL_BYTES_MAX
    const fetched = await client.fetchOne(String(uid), { source: { start: 0, maxLength } }, { uid: true })
    return fetched === false || fetched.source === undefined ? null : await readMail(fetched.source, arrival)
  }

  /** Waits until the time is over, the source ends, or mail is announced. */
  #wait(ms: Millis): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve()
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
