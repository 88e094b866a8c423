import { setTimeout } from 'node:timers/promises'
import { parseExact } from '../../core/base/exact.ts'
import { messageOf } from '../text.ts'
import { textOf } from '../variables.ts'
import { fetchLimited, type WebRequest, type WebResponse } from '../fetch.ts'
import { booleanInput, type NodeCall, type NodeRunner, numberInput, setResult, textInput } from './node.ts'

const TIMEOUT_SECONDS = 30

/**
 * Makes an HTTP request. An answer with any status is a success of the node; `success` distinguishes 2xx from the
 * others. The node fails if no answer comes after `retry_count` (0) more tries.
 */
export const httpRequest: NodeRunner = async (call) => {
  const tries = 1 + Math.max(0, numberInput(call, 'retry_count', 0))
  for (let attempt = 1;; attempt++) {
    try {
      return outputsOf(call, await fetchLimited(call.services.web, requestOf(call)))
    } catch (error) {
      if (call.job.signal.aborted || attempt >= tries) {
        setResult(call, { status: 0, headers: {}, body: null, error: messageOf(error) })
        throw error
      }
      await setTimeout(numberInput(call, 'retry_delay', 1) * 1_000, undefined, { signal: call.job.signal })
    }
  }
}

function requestOf(call: NodeCall): WebRequest {
  const method = textInput(call, 'method', 'GET').toUpperCase()
  const url = new URL(textInput(call, 'url', ''))
  for (const [name, value] of Object.entries(record(call.input('params')))) url.searchParams.set(name, textOf(value))
  const headers = Object.fromEntries(
    Object.entries(record(call.input('headers'))).map(([name, value]) => [name.toLowerCase(), textOf(value)]),
  )
  const input = call.input('body')
  const body = ['GET', 'HEAD'].includes(method) || input === undefined || input === null || input === ''
    ? undefined
    : textOf(input)
  if (body !== undefined) headers['content-type'] ??= textInput(call, 'content_type', 'application/json')
  const timeoutMs = numberInput(call, 'timeout', TIMEOUT_SECONDS) * 1_000
  return {
    method,
    url,
    headers,
    body,
    follow: booleanInput(call, 'follow_redirects', true),
    signal: AbortSignal.any([call.job.signal, AbortSignal.timeout(timeoutMs)]),
  }
}

function outputsOf(call: NodeCall, { status, headers, text }: WebResponse): { outputs: Record<string, unknown> } {
  const success = status >= 200 && status < 300
  const json = parsed(text)
  const isJson = /[/+]json\b/.test(headers['content-type'] ?? '')
  setResult(call, { status, headers, body: isJson && json !== undefined ? json : text })
  return {
    outputs: {
      response_body: text,
      response_json: json ?? null,
      status_code: status,
      response_headers: headers,
      success,
      error: success ? '' : `HTTP ${status}`,
    },
  }
}

/** An object, or the JSON text of one. */
function record(value: unknown): Readonly<Record<string, unknown>> {
  const object = typeof value === 'string' ? parsed(value) : value
  return typeof object === 'object' && object !== null ? object as Readonly<Record<string, unknown>> : {}
}

function parsed(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}
