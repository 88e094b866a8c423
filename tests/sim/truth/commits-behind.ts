/**
 * The number of commits that may be requested between the arrival of a frame and the end of the last turn that began
 * without it: one was under way, and one had taken its events and was fetching rows.
 */
export const COMMITS_BEHIND = 3
