/** The faster precision for updates of a size, measured once a machine and kept in a file. */
import { fork } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalJson, sha256 } from '@plumbline/artifacts';
import { COMPUTE_NODE_FLAGS, computeEnvironment } from '@plumbline/config';
import { fasterPrecision, withPrecision, type ExecutionPlan, type UpdateWork } from '@plumbline/training';
import type { CalibrationRequest } from './calibration-child.js';

const CHILD = fileURLToPath(new URL('./calibration-child.js', import.meta.url));

/** One measurement, with what it holds for. */
interface Calibration {
  readonly processor: string;
  /** In fp32. */
  readonly plan: ExecutionPlan;
  readonly work: UpdateWork;
  /** Of one update. */
  readonly seconds: Readonly<Record<ExecutionPlan['precision'], number>>;
}

/** Seconds of an update under a plan. */
export type Measure = (request: CalibrationRequest, signal: AbortSignal) => Promise<number>;

/**
 * What is in `file` for this processor, plan and size of update; else measures both precisions and writes it there. The
 * measured plan holds on this machine; a step stores what it chose, so later measurements do not change it.
 *
 * @throws the measuring process's failure, or the signal's reason
 */
export async function calibratedPrecision(
  file: string,
  plan: ExecutionPlan,
  work: UpdateWork,
  signal: AbortSignal,
  measure: Measure = measureInChild,
): Promise<ExecutionPlan['precision']> {
  const processor = cpus()[0]?.model ?? 'unknown';
  const key = sha256(canonicalJson({ processor, plan, work }));
  const known = await readCalibrations(file);
  let calibration = known[key];
  if (!calibration) {
    const fp32 = await measure({ plan: withPrecision(plan, 'fp32'), work }, signal);
    const bf16 = await measure({ plan: withPrecision(plan, 'bf16'), work }, signal);
    calibration = { processor, plan, work, seconds: { fp32, bf16 } };
    await writeCalibrations(file, { ...known, [key]: calibration });
  }
  return fasterPrecision(calibration.seconds);
}

async function measureInChild(request: CalibrationRequest, signal: AbortSignal): Promise<number> {
  const child = fork(CHILD, [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: computeEnvironment(),
    execArgv: [...process.execArgv, ...COMPUTE_NODE_FLAGS],
    signal,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve, reject) => {
    child.once('message', ({ seconds }: { seconds: number }) => resolve(seconds));
    child.once('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    child.once('exit', (code, by) =>
      reject(
        new Error(`measuring ${request.plan.precision} updates ended early (${by ?? `exit code ${code}`})`),
      ),
    );
    child.send(request);
  });
}

/** A file that is missing or damaged says nothing: it is measured again. */
async function readCalibrations(file: string): Promise<Readonly<Record<string, Calibration>>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, Calibration>;
  } catch {
    return {};
  }
}

async function writeCalibrations(file: string, all: Readonly<Record<string, Calibration>>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(all, null, 2)}\n`);
  await rename(temporary, file);
}
