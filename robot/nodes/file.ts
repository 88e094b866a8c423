import { Buffer } from 'node:buffer'
import { stringifyExact } from '../../core/base/exact.ts'
import { textOf } from '../variables.ts'
import { booleanInput, type NodeCall, type NodeRunner, numberInput, setResult, textInput } from './node.ts'

/** Reads a file of the robot's folder as a text. */
export const readFile: NodeRunner = async (call) => {
  const bytes = await call.services.files.read(textInput(call, 'file_path', ''), numberInput(call, 'max_size', 0))
  const content = decodeText(call, bytes)
  setResult(call, content)
  return { outputs: { content, size: bytes.length, success: true } }
}

/** Writes a text to a file of the robot's folder, or appends it. Lists and objects are written as JSON. */
export const writeFile: NodeRunner = (call) => write(call, booleanInput(call, 'append_mode', false))

export const appendFile: NodeRunner = (call) => write(call, true)

/** The text of a file, by the node's `encoding` (utf-8) and `errors` (strict). */
export function decodeText(call: NodeCall, bytes: Buffer): string {
  const encoding = textInput(call, 'encoding', 'utf-8').replace(/^utf-8-sig$/i, 'utf-8')
  return new TextDecoder(encoding, { fatal: textInput(call, 'errors', 'strict') === 'strict' }).decode(bytes)
}

async function write(call: NodeCall, append: boolean): Promise<{ outputs: Readonly<Record<string, unknown>> }> {
  const file_path = textInput(call, 'file_path', '')
  const encoding = textInput(call, 'encoding', 'utf-8')
  if (!Buffer.isEncoding(encoding)) throw new TypeError(`encoding ${encoding} cannot be written`)
  const content = call.input('content')
  const text = typeof content === 'object' && content !== null ? stringifyExact(content, 2) : textOf(content)
  const makeFolders = booleanInput(call, 'create_dirs', true)
  const bytes_written = await call.services.files.write(file_path, Buffer.from(text, encoding), append, makeFolders)
  return { outputs: { file_path, attachment_file: [file_path], bytes_written, success: true } }
}
