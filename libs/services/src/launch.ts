import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';

/** How a program is started; everything a supervisor needs to start it again. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Numeric user and group to become; only root can. */
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts the program as the leader of a process group of its own, so that a terminal's Ctrl-C does not reach it and
 * the whole group can be signalled.
 */
export function spawnLaunch(launch: Launch, stdio: StdioOptions): ChildProcess {
  return spawn(launch.command, launch.args, {
    cwd: launch.cwd,
    env: launch.env,
    stdio,
    detached: true,
    ...(launch.uid === undefined ? {} : { uid: launch.uid }),
    ...(launch.gid === undefined ? {} : { gid: launch.gid }),
  });
}
