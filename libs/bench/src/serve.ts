/** Our end of the bench's protocol: the loop of a child process that does units of work when asked. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Answer, Request } from './protocol.js';

type Values = Readonly<Record<string, number>>;

export interface Work {
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly remarks?: () => readonly string[];
  /** One unit of work, to its end; what it returns goes into the answer. */
  unit(): Promise<Values> | Values;
}

/** File descriptor of the answers; see protocol.ts. */
const ANSWERS = 3;

/**
 * Loads, warms up, then answers until the input ends.
 *
 * @param load loads the libraries; what it returns makes the work ready
 * @param warmup units before the first round, after the first, which compiles; null: not even that one
 */
export async function serve(
  load: () => Promise<() => Promise<Work> | Work>,
  warmup: number | null,
): Promise<void> {
  try {
    const prepare = await load();
    const loadSeconds = process.uptime();
    const baselineBytes = process.memoryUsage.rss();
    const work = await prepare();
    const first = warmup === null ? { seconds: 0, values: {} } : await doUnits(work, 1);
    let unitSeconds = first.seconds;
    for (let i = 0; i < (warmup ?? 0); i++)
      unitSeconds = Math.min(unitSeconds, (await doUnits(work, 1)).seconds);
    const { threads, versions } = work;
    say({
      kind: 'ready',
      loadSeconds,
      firstSeconds: first.seconds,
      values: first.values,
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
      say({ kind: 'round', ...(await doUnits(work, request.units)) });
    }
    process.exit(0);
  } catch (error) {
    say({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
}

async function doUnits(work: Work, units: number): Promise<{ seconds: number; values: Values }> {
  const start = performance.now();
  let values: Values = {};
  for (let i = 0; i < units; i++) values = await work.unit();
  return { seconds: (performance.now() - start) / 1000, values };
}

function say(answer: Answer): void {
  writeSync(ANSWERS, `${JSON.stringify(answer)}\n`);
}
