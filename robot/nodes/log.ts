import { LOG_LEVELS } from '../../core/protocol/message.ts'
import { textOf } from '../variables.ts'
import { type NodeRunner, textInput } from './node.ts'

/** Adds a line to the job's log, at `level` (INFO). */
export const log: NodeRunner = (call) => {
  const level = textInput(call, 'level', 'INFO').toUpperCase()
  const data = call.input('data')
  const message = textOf(call.input('message')) + (data === undefined || data === null ? '' : ` | ${textOf(data)}`)
  call.job.log(LOG_LEVELS.find((known) => known === level) ?? 'INFO', message, { nodeId: call.id })
  return {}
}
