/**
 * How many commits may have been asked for between the arrival of a frame and the end of the last turn that was begun
 * without it: one was under way, and one had taken its events and was fetching rows.
 */
export const COMMITS_BEHIND = 3
