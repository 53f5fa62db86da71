/** Our end of the bench's protocol: the loop of a child process that does units of work when asked. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Answer, Request } from './protocol.js';

export interface Work {
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly remarks?: () => readonly string[];
  /** One unit of work, to its end. */
  unit(): Promise<void> | void;
}

/** File descriptor of the answers; see protocol.ts. */
const ANSWERS = 3;

/**
 * Loads, warms up, then answers until the input ends.
 *
 * @param load loads the libraries; what it returns makes the work ready
 * @param warmup units before the first round, after the first, which compiles
 */
export async function serve(load: () => Promise<() => Promise<Work> | Work>, warmup: number): Promise<void> {
  try {
    const prepare = await load();
    const loadSeconds = process.uptime();
    const baselineBytes = process.memoryUsage.rss();
    const work = await prepare();
    const firstSeconds = await timed(work, 1);
    let unitSeconds = firstSeconds;
    for (let i = 0; i < warmup; i++) unitSeconds = Math.min(unitSeconds, await timed(work, 1));
    const { threads, versions } = work;
    say({
      kind: 'ready',
      loadSeconds,
      firstSeconds,
      unitSeconds,
      baselineBytes,
      threads,
      versions,
      remarks: work.remarks?.() ?? [],
    });
    for await (const line of createInterface({ input: process.stdin })) {
      const request = JSON.parse(line) as Request;
      if (request.kind === 'end') {
        say({ kind: 'end', peakBytes: process.resourceUsage().maxRSS * 1024 });
        break;
      }
      say({ kind: 'round', seconds: await timed(work, request.units) });
    }
    process.exit(0);
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
}

/** Seconds that `units` units of work take. */
async function timed(work: Work, units: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < units; i++) await work.unit();
  return (performance.now() - start) / 1000;
}

function say(answer: Answer): void {
  writeSync(ANSWERS, `${JSON.stringify(answer)}\n`);
}
