/** How each side's process is started. */
import { COMPUTE_NODE_FLAGS, computeEnvironment } from '@plumbline/config';
import { fileURLToPath } from 'node:url';
import type { BenchContext } from './bench.js';
import { ensurePython, type PeerPackages } from './python-environment.js';
import type { SideCommand } from './side.js';

/** Compiled code only: a child process runs no TypeScript. */
const OURS = fileURLToPath(new URL('../dist/ours-main.js', import.meta.url));
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url));

export const OUR_SIDE = 'ours';

/** The processes that do the same work. */
export interface Sides {
  readonly ours: SideCommand;
  /** null where the peers' Python cannot be had, which has been remarked. */
  readonly peers: ReadonlyMap<string, SideCommand | null>;
}

/** Started as the gpu-worker starts the processes that compute. */
export function ourSide(bench: string, task: object): SideCommand {
  return {
    name: OUR_SIDE,
    command: process.execPath,
    args: [...COMPUTE_NODE_FLAGS, OURS, bench, JSON.stringify(task)],
    env: computeEnvironment(),
  };
}

/** Peers by name, from [name, file below peers/, task], under a Python that has the packages. */
export async function peerSides(
  context: BenchContext,
  packages: PeerPackages,
  peers: readonly (readonly [name: string, file: string, task: object])[],
): Promise<Sides['peers']> {
  const python = await ensurePython(context, packages);
  return new Map(
    peers.map(([name, file, task]) => [
      name,
      python === null ? null : { name, command: python, args: [PEERS + file, JSON.stringify(task)] },
    ]),
  );
}
