/**
 * The work of a function, in milliseconds of CPU time of this process, which other processes on the machine do not
 * affect.
 */
export async function workOf(run: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
