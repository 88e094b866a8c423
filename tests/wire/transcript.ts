import { Agent, request } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { isId, Plain, short } from './plain.ts'
import type { Server } from './server.ts'
import type { ErrorBody } from './api.ts'
import { type Frame, Wire } from './wire.ts'

/** A conversation with an orchestrator, written down as it happens: what is asked, and what is answered. */

/** The headers of an answer that a client acts upon: those that stand beside the status, and the others. */
const BESIDE = ['content-type', 'cache-control']
const HEADERS = ['allow', 'idempotency-replayed', 'location', 'retry-after', 'www-authenticate']
/** An answer with this many fields is shown once, then only its changes. */
const LARGE = 7
/** The longest wait for an answer, or for a close. */
const ANSWER_MS = 60_000

type Json = Readonly<Record<string, unknown>>

export interface Asked {
  /** The admin key where it is left out; null: none; any other text is sent as it is, and shown. */
  readonly authorization?: string | null
  /** Another key, and what is shown of it. */
  readonly as?: { readonly name: string; readonly key: string }
  readonly headers?: Readonly<Record<string, string>>
  /** An object is sent as JSON, text and bytes as they are. */
  readonly body?: object | string | Uint8Array
  /** Sends the body in chunks, without its length. */
  readonly chunked?: boolean
  /** Recorded instead of the body. */
  readonly shown?: string
}

export class Transcript {
  readonly #server: Server
  readonly #plain = new Plain()
  /** The last shown values of each set of fields. */
  readonly #shapes = new Map<string, Json>()
  #text = ''

  constructor(server: Server) {
    this.#server = server
  }

  get text(): string {
    return this.#text
  }

  title(title: string): void {
    this.#text += `\n## ${title}\n`
  }

  write(line: string): void {
    this.#text += `${line}\n`
  }

  /** Asks over HTTP, and writes down the question and the answer. Resolves with the answer's body, if it is JSON. */
  async ask(method: string, path: string, asked: Asked = {}): Promise<Json> {
    this.write(`\n${method} ${this.#plain.text(short(path))}`)
    const shown = asked.as === undefined ? asked.authorization : `<the key of ${asked.as.name}>`
    if (shown !== undefined) this.write(`  authorization: ${shown === null ? '<none>' : JSON.stringify(shown)}`)
    for (const [name, value] of Object.entries(asked.headers ?? {})) {
      this.write(`  ${name.toLowerCase()}: ${value === '' ? '<none>' : short(value)}`)
    }
    if (asked.body !== undefined) this.write(`  > ${asked.shown ?? this.#shown(asked.body)}`)
    const { status, headers, text } = await this.#send(method, path, asked)
    this.write(`  ${[status, ...BESIDE.flatMap((name) => headers[name] ?? [])].join(', ')}`)
    for (const name of HEADERS) {
      const value = headers[name]
      // Seconds that are left of an hour: some have passed.
      if (value !== undefined) this.write(`  ${name}: ${this.#plain.text(value).replace(/^3[56]\d\d$/, '<seconds>')}`)
    }
    return text === '' ? {} : this.#answered(text)
  }

  /** A connection whose frames are written down. */
  async connect(name: string): Promise<RobotLine> {
    const wire = await Wire.connect(this.#server.robots)
    this.write(`\n${name} connects`)
    return new RobotLine(this, this.#plain, name, wire)
  }

  /** The same, of a robot that is let in. That is not written down. */
  async registered(name: string): Promise<RobotLine> {
    const wire = await Wire.register(this.#server.robots, this.#server.admin, { robot_id: name })
    await wire.beat(name)
    this.write(`\n${name} has registered`)
    return new RobotLine(this, this.#plain, name, wire)
  }

  /** Writes down the body of an answer, and returns it where it is JSON. */
  #answered(text: string): Json {
    let json: Json
    try {
      json = JSON.parse(text) as Json
    } catch {
      this.write(`  < ${JSON.stringify(this.#plain.value(text))}`)
      return {}
    }
    this.write(`  < ${this.#error(json) ?? this.#news(json)}`)
    return json
  }

  /** An error of the usual form, in short: most of the answers here are one. */
  #error(json: Json): string | undefined {
    const { payload, correlation_id } = json as { payload?: ErrorBody['payload']; correlation_id?: unknown }
    if (Object.keys(json).join() !== 'type,payload,correlation_id' || json['type'] !== 'error') return undefined
    if (payload === undefined || Object.keys(payload).join() !== 'error_code,error_message,details') return undefined
    return `${this.#plain.error(payload, '  ')}${isId(correlation_id) ? '' : ` to ${String(correlation_id)}`}`
  }

  /** Of something large that has been shown already, only what is new about it. */
  #news(json: Json): string {
    const shape = Object.keys(json).join()
    const last = this.#shapes.get(shape)
    if (Object.keys(json).length < LARGE) return this.#plain.json(json, '  ')
    const plain = this.#plain.value(json) as Json
    this.#shapes.set(shape, plain)
    if (last === undefined) return this.#plain.json(json, '  ')
    const news = Object.entries(json).filter(([name]) => !isDeepStrictEqual(plain[name], last[name]))
    return `as the last of its kind, but ${this.#plain.json(Object.fromEntries(news), '  ')}`
  }

  #shown(body: object | string | Uint8Array): string {
    if (body === '') return '<empty>'
    return typeof body === 'string' ? short(body) : this.#plain.json(body, '  ')
  }

  /** With `node:http`, which sends a path as it is given and hears an answer that comes before the body's end. */
  #send(method: string, path: string, asked: Asked): Promise<Answer> {
    const { authorization = `Bearer ${asked.as?.key ?? this.#server.admin}`, body, chunked = false } = asked
    const bytes = body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? Buffer.from(body ?? '')
      : Buffer.from(JSON.stringify(body))
    const headers: Record<string, string | number> = { ...asked.headers }
    if (authorization !== null) headers['Authorization'] = authorization
    if (body !== undefined && asked.headers?.['Content-Type'] === undefined) {
      headers['Content-Type'] = 'application/json'
    }
    if (headers['Content-Type'] === '') delete headers['Content-Type']
    if (body !== undefined && !chunked) headers['Content-Length'] = bytes.length
    if (chunked) headers['Transfer-Encoding'] = 'chunked'
    const { hostname, port } = new URL(this.#server.http)
    // A connection that might be kept, so that the server has no reason to hang up on who is still sending; and one for
    // each question, since after a body that it has not read it may.
    const agent = new Agent({ keepAlive: true })
    return new Promise<Answer>((resolve, reject) => {
      const sent = request({ hostname, port, path, method, headers, agent }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part)).on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers as Readonly<Record<string, string | undefined>>,
            text: Buffer.concat(parts).toString(),
          }))
      })
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error(`${method} ${path} was not answered`)))
      sent.on('error', reject)
      // A late error of the request after its answer does not matter.
      sent.on('socket', (socket) => socket.on('error', () => {}))
      for (let at = 0; at < bytes.length; at += 100_000) sent.write(bytes.subarray(at, at + 100_000))
      sent.end()
    }).finally(() => agent.destroy())
  }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

/** One robot's connection in a transcript. */
export class RobotLine {
  readonly #transcript: Transcript
  readonly #plain: Plain
  readonly #name: string
  readonly #wire: Wire
  #written = 0
  #sent = 0
  #closed = false

  constructor(transcript: Transcript, plain: Plain, name: string, wire: Wire) {
    this.#transcript = transcript
    this.#plain = plain
    this.#name = name
    this.#wire = wire
    this.#written = wire.frames.length
  }

  /** Says something properly, and writes down what comes of it. */
  say(type: string, payload: object, more: object = {}): Promise<void> {
    return this.secretly(type, { ...payload, ...more }, {})
  }

  /** The same, with something in it that is not shown. */
  async secretly(type: string, payload: object, more: object): Promise<void> {
    const id = `${this.#name}-${++this.#sent}`
    this.#write('>', `${type} ${this.#plain.json(payload, '      ')}`)
    this.#wire.send(type, { ...payload, ...more }, id)
    await this.writeReceived()
  }

  /** Sends a frame as it is, and writes down what comes of it. */
  async raw(frame: string | Uint8Array<ArrayBuffer>, shown?: string): Promise<void> {
    const text = typeof frame === 'string' ? short(frame) : `<bytes> ${Buffer.from(frame).toString('hex')}`
    this.#write('>', shown ?? text)
    this.#wire.raw(frame)
    await this.writeReceived()
  }

  /** Sends bytes below the WebSocket, and writes down what comes of it. */
  async bytes(bytes: Uint8Array, shown: string): Promise<void> {
    this.#write('>', shown)
    this.#wire.bytes(bytes)
    await this.writeReceived()
  }

  /** Closes the connection, and writes down how that is answered. */
  async close(code: number, reason: string): Promise<void> {
    this.#write('>', `<close> ${code} ${reason}`)
    void this.#wire.close(code, reason)
    await this.writeReceived()
  }

  /** Writes down everything that has come: what is asked last is answered last, unless the line is closed. */
  async writeReceived(): Promise<void> {
    if (this.#closed) throw new Error(`the connection of ${this.#name} is closed: nobody hears what it says`)
    const id = crypto.randomUUID()
    this.#wire.raw(JSON.stringify({ type: 'heartbeat', id, payload: { robot_id: this.#name } }))
    const answered = this.#answerTo(id)
    const late = new Promise<'late'>((resolve) => setTimeout(resolve, ANSWER_MS, 'late').unref())
    const end = await Promise.race([answered, this.#wire.closed, late])
    for (const frame of this.#wire.frames.slice(this.#written)) {
      if (frame.correlation_id !== id) this.#write('<', this.#shown(frame))
    }
    this.#written = this.#wire.frames.length
    if (end === 'late') this.#write('<', '<nothing>')
    else if (end !== undefined) {
      this.#closed = true
      this.#write('<', `<closed> ${end.code} ${end.reason}`)
    }
  }

  async #answerTo(id: string): Promise<undefined> {
    while (!this.#wire.frames.some((frame) => frame.correlation_id === id)) await this.#wire.more()
  }

  #shown({ type, payload, correlation_id }: Frame): string {
    const indent = '      '
    const shown = type === 'error'
      ? this.#plain.error(payload as ErrorBody['payload'], indent)
      : `${type} ${this.#plain.json(payload, indent)}`
    return correlation_id === undefined ? shown : `${shown} to ${this.#plain.json(correlation_id, '')}`
  }

  #write(direction: '>' | '<', what: string): void {
    this.#transcript.write(`${direction === '>' ? '  >' : '    <'} ${what}`.trimEnd())
  }
}
