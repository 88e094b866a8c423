import WebSocket from 'crossws/websocket'

/** The inspector of V8, which all three runtimes have. */

interface Target {
  readonly webSocketDebuggerUrl: string
}

/**
 * Runs the process's garbage collector, so that its memory equals what it holds: V8 lets a heap grow until it is full.
 * `port` is that of its inspector. Rejects if that cannot be reached.
 */
export async function collectGarbage(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/json`)
  const targets = await answer.json() as readonly Target[]
  await Promise.all(targets.map(({ webSocketDebuggerUrl }) => collectIn(webSocketDebuggerUrl)))
}

function collectIn(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.addEventListener('open', () => socket.send('{"id":1,"method":"HeapProfiler.collectGarbage"}'))
    socket.addEventListener('message', ({ data }) => {
      const { id, error } = JSON.parse(String(data)) as { readonly id?: number; readonly error?: { message: string } }
      if (id !== 1) return
      socket.close()
      if (error === undefined) resolve()
      else reject(new Error(`the inspector at ${url} answers: ${error.message}`))
    })
    socket.addEventListener('error', () => reject(new Error(`the inspector at ${url} cannot be reached`)))
  })
}
