/**
 * The environment of a child process: this process's own with `additions`, where undefined takes a variable away.
 */
export function childEnvironment(
  additions: Readonly<Record<string, string | undefined>> = {},
): Record<string, string | undefined> {
  return { ...process.env, ...additions };
}
