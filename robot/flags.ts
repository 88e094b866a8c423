/** One option of the reference robot. */
interface RobotOption {
  readonly variable: string
  /** The placeholder of the flag's value. */
  readonly value: string
  /** The default; empty if there is none. */
  readonly fallback: string
  readonly help: string
}

/** The options of the reference robot, each with its flag of `casare robot` and its environment variable. */
export const ROBOT_OPTIONS = {
  url: {
    variable: 'CASARE_ROBOT_URL',
    value: '<url>',
    fallback: 'ws://127.0.0.1:8765',
    help: 'where robots connect; ws://…:8765/fleets/acme for another fleet',
  },
  key: { variable: 'CASARE_ROBOT_KEY', value: '<key>', fallback: '', help: 'its API key' },
  api: {
    variable: 'CASARE_ROBOT_API',
    value: '<url>',
    fallback: '',
    help: 'the HTTP API, where its jobs call other workflows; without it, the one beside --url',
  },
  id: { variable: 'CASARE_ROBOT_ID', value: '<id>', fallback: 'reference-robot', help: 'its identity' },
  name: {
    variable: 'CASARE_ROBOT_NAME',
    value: '<name>',
    fallback: '',
    help: 'its name, for people; without it, the id',
  },
  environment: {
    variable: 'CASARE_ROBOT_ENVIRONMENT',
    value: '<name>',
    fallback: 'default',
    help: 'where it works',
  },
  slots: { variable: 'CASARE_ROBOT_SLOTS', value: '<count>', fallback: '2', help: 'jobs at a time' },
  tags: { variable: 'CASARE_ROBOT_TAGS', value: '<tags>', fallback: '', help: 'its tags, with commas between them' },
  files: {
    variable: 'CASARE_ROBOT_FILES',
    value: '<folder>',
    fallback: '.',
    help: 'what its workflows may read and write',
  },
  state: {
    variable: 'CASARE_ROBOT_STATE',
    value: '<file>',
    fallback: '',
    help: 'what it keeps over a restart, or none; without it, a file of this user',
  },
  hosts: {
    variable: 'CASARE_ROBOT_HTTP_HOSTS',
    value: '<hosts>',
    fallback: '*',
    help: 'hosts that its workflows may call, with commas between them; * is the internet',
  },
} as const satisfies Readonly<Record<string, RobotOption>>
