import WebSocket from 'crossws/websocket'

/** Events of a connection. `closed` comes exactly once and last. */
export interface ConnectionEvents {
  readonly opened: () => void
  readonly text: (text: string) => void
  readonly closed: (code: number, reason: string) => void
}

/** One WebSocket from its beginning to its end. */
export interface Connection {
  readonly send: (text: string) => void
  /** Starts the closing handshake. The connection ends within `CLOSE_MS`, even if the other side does not answer. */
  readonly close: (code: number, reason: string) => void
  /** Ends at once: `closed` is called before this returns. */
  readonly drop: (reason: string) => void
  /** Bytes that were handed over for sending and have not left this machine. */
  readonly buffered: () => number
}

/** The longest closing handshake. The library's own limit of 30 s would delay the end of the process. */
const CLOSE_MS = 1_000
/** The close code of a connection that broke without a closing handshake. */
const ABNORMAL = 1006

/** The part of a TCP socket that gathers writes. */
interface Corkable {
  readonly cork: () => void
  readonly uncork: () => void
}

/** The platform's type has two parameters; crossws takes headers as a third on every runtime that can send them. */
type Constructor = new (url: string, protocols: string[], options: object) => WebSocket & Library
interface Library {
  terminate?: () => void
  /** The socket below, where the library is `ws`: without it each frame is a write of its own. */
  _socket?: Corkable | null
}
const Socket = WebSocket as unknown as Constructor

/** Opens a WebSocket. Never throws: errors arrive as `closed`. The key travels as a bearer token. */
export function openConnection(url: string, key: string | undefined, events: ConnectionEvents): Connection {
  let over = false
  let failure = ''
  let closeTimer: NodeJS.Timeout | undefined
  const socket = new Socket(url, [], { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })
  socket.binaryType = 'arraybuffer'
  let corked = false
  /** Lets all frames that are sent in a row leave in one write, before any handler begins. */
  const gather = (): void => {
    const below = socket['_socket']
    if (corked || below === undefined || below === null) return
    corked = true
    below.cork()
    process.nextTick(() => {
      corked = false
      below.uncork()
    })
  }
  const end = (code: number, reason: string): void => {
    if (over) return
    over = true
    clearTimeout(closeTimer)
    events.closed(code, reason)
  }
  const drop = (reason: string): void => {
    if (over) return
    end(ABNORMAL, reason)
    if (socket.terminate === undefined) socket.close()
    else socket.terminate()
  }
  socket.addEventListener('open', () => {
    if (!over) events.opened()
  })
  socket.addEventListener('message', ({ data }) => {
    if (!over) events.text(typeof data === 'string' ? data : new TextDecoder().decode(data as ArrayBuffer))
  })
  // A close follows every error, without a reason of its own; keep the error's.
  socket.addEventListener('error', (event) => {
    failure = 'message' in event ? String(event.message) : ''
  })
  socket.addEventListener('close', (event) => end(event.code, event.reason || failure))
  return {
    send: (text) => {
      if (over || socket.readyState !== 1) return
      gather()
      socket.send(text)
    },
    close: (code, reason) => {
      if (over) return
      socket.close(code, reason)
      closeTimer = setTimeout(() => drop('the closing handshake was not answered'), CLOSE_MS)
    },
    drop,
    buffered: () => socket.bufferedAmount,
  }
}
