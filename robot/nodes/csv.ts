import { parse } from 'csv-parse/sync'
import { decodeText } from './file.ts'
import { booleanInput, type NodeRunner, numberInput, setResult, textInput } from './node.ts'

/**
 * Reads a CSV file of the robot's folder: rows as objects by column, or as lists if `has_header` is false. All values
 * are texts. With `strict`, a row that is shorter or longer than the header is an error.
 */
export const readCsv: NodeRunner = async (call) => {
  const bytes = await call.services.files.read(textInput(call, 'file_path', ''))
  const hasHeader = booleanInput(call, 'has_header', true)
  const rowsMax = numberInput(call, 'max_rows', 0)
  const rows: string[][] = parse(decodeText(call, bytes), {
    delimiter: textInput(call, 'delimiter', ','),
    quote: textInput(call, 'quotechar', '"'),
    from_line: 1 + numberInput(call, 'skip_rows', 0),
    relax_column_count: !booleanInput(call, 'strict', false),
    skip_empty_lines: true,
    ...rowsMax > 0 && { to: rowsMax + (hasHeader ? 1 : 0) },
  })
  const headers = hasHeader ? rows.shift() ?? [] : []
  const data = hasHeader ? rows.map((row) => Object.fromEntries(headers.map((name, i) => [name, row[i] ?? '']))) : rows
  setResult(call, data)
  return { outputs: { data, headers, row_count: data.length, success: true } }
}
