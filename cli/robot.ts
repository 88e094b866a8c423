import { type Command, Option } from 'commander'
import { ROBOT_OPTIONS } from '../robot/flags.ts'
import { refuseClientOptions } from './connect.ts'

/** `casare robot`: runs the reference robot in this process. A flag wins over its environment variable. */
export function robotCommand(program: Command): void {
  const command = program.command('robot').description('run the reference robot')
  for (const [name, { value, variable, help, fallback }] of Object.entries(ROBOT_OPTIONS)) {
    const option = new Option(`--${name} ${value}`, help).env(variable)
    command.addOption(fallback === '' ? option : option.default(fallback))
  }
  refuseClientOptions(command)
  command.action(async () => {
    for (const [name, { variable }] of Object.entries(ROBOT_OPTIONS)) {
      // `--url` and `--key` are options of the program as well, so the parser may have attached them to either.
      const from = [command, program].find((one) => one.getOptionValueSource(name) === 'cli')
      if (from !== undefined) process.env[variable] = String(from.getOptionValue(name))
    }
    await import('../robot/reference.ts')
  })
}
