import type { Command } from 'commander'

/** Flags of the reference robot, and the variables that configure it. `url` and `key` are those of every command. */
const FLAGS = [
  ['url', '', 'CASARE_ROBOT_URL', ''],
  ['key', '', 'CASARE_ROBOT_KEY', ''],
  ['api', '<url>', 'CASARE_ROBOT_API', 'the HTTP API, where its jobs call other workflows (beside --url)'],
  ['id', '<id>', 'CASARE_ROBOT_ID', 'its identity (reference-robot)'],
  ['name', '<name>', 'CASARE_ROBOT_NAME', 'its name, for people (the id)'],
  ['environment', '<name>', 'CASARE_ROBOT_ENVIRONMENT', 'where it works (default)'],
  ['slots', '<count>', 'CASARE_ROBOT_SLOTS', 'jobs at a time (2)'],
  ['tags', '<tags>', 'CASARE_ROBOT_TAGS', 'comma-separated (none)'],
  ['files', '<folder>', 'CASARE_ROBOT_FILES', 'what its workflows may read and write (the current folder)'],
  ['state', '<file>', 'CASARE_ROBOT_STATE', 'what it keeps over a restart, or none (a file of this user)'],
  ['hosts', '<hosts>', 'CASARE_ROBOT_HTTP_HOSTS', 'comma-separated hosts that its workflows may call (*)'],
] as const

const ABOUT = 'run the reference robot; --url is where robots connect (ws://127.0.0.1:8765; CASARE_ROBOT_URL), ' +
  '--key is its own (CASARE_ROBOT_KEY)'

/** `casare robot`: the reference robot, in this very process. A flag wins over its environment variable. */
export function robotCommand(program: Command): void {
  const command = program.command('robot').summary('run the reference robot').description(ABOUT)
  for (const [flag, value, variable, help] of FLAGS) {
    if (help !== '') command.option(`--${flag} ${value}`, `${help.replace(/\)$/, '')}; ${variable})`)
  }
  command.action(async () => {
    const given = command.optsWithGlobals<Record<string, string | undefined>>()
    for (const [flag, , variable] of FLAGS) if (given[flag] !== undefined) process.env[variable] = given[flag]
    await import('../robot/reference.ts')
  })
}
