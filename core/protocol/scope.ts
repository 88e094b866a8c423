/** What a key may do. `admin` includes the others. */
export const SCOPES = [
  'admin',
  'jobs:read',
  'jobs:submit',
  /** Jobs that come with a definition of their own: robots do whatever it says. */
  'jobs:submit-definition',
  'jobs:cancel',
  'robots:control',
  'robots:connect',
] as const
export type Scope = (typeof SCOPES)[number]
