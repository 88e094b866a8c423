/** The most that anybody has asked for within so few turns that they may be one. */
export interface RequestedLimit {
  readonly limit: number
  readonly commit: number
}
