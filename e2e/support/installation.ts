import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  stepWorkflowId,
  TEMPORAL_NAMESPACE,
  type RunDescription,
  type ServiceStatus,
  type StepName,
} from '@plumbline/contracts';
import { Connection, WorkflowClient } from '@temporalio/client';
import { expect } from 'vitest';
import { TINY_CORPUS_FILE, TINY_ROWS_FILE } from './tiny-configuration.js';
import { tinyCorpus, tinyRows } from './tiny-corpus.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'bin', 'plumbline.js');
const FAULT_INJECTION = pathToFileURL(join(ROOT, 'tools', 'drill', 'fault-injection.mjs')).href;

/** Where a compute step is to be killed with -9; moments as in tools/drill/fault-injection.mjs. */
export interface PlannedKill {
  readonly step: StepName;
  readonly moment: string;
  /** Which one of that step and moment, from 1. */
  readonly number: number;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Plumbline in a home of its own, used as a user would: by its command. */
export class Installation {
  private constructor(
    readonly home: string,
    /** Where the user keeps configurations and text: Plumbline trains on nothing in its own home. */
    readonly folder: string,
    /** What fault injection reads and writes. */
    private readonly moments: string,
  ) {}

  static async create(): Promise<Installation> {
    const home = await mkdtemp(join(tmpdir(), 'plumbline-e2e-'));
    const folder = await mkdtemp(join(tmpdir(), 'plumbline-user-'));
    await writeFile(join(folder, TINY_CORPUS_FILE), tinyCorpus());
    await writeFile(join(folder, TINY_ROWS_FILE), tinyRows());
    const moments = join(folder, 'moments');
    await mkdir(moments);
    const installation = new Installation(home, folder, moments);
    await installation.planKills([]);
    return installation;
  }

  /** Steps that begin from now on are killed in these moments, each of which comes once. */
  async planKills(kills: readonly PlannedKill[]): Promise<void> {
    await rm(join(this.moments, 'moments.jsonl'), { force: true });
    const plan = { kills: kills.map((kill, index) => ({ id: String(index), fromOutside: false, ...kill })) };
    await writeFile(join(this.moments, 'plan.json'), JSON.stringify(plan));
  }

  /** The planned kills that have come, in their order. */
  async killsDone(): Promise<PlannedKill[]> {
    const lines = (await readFile(join(this.moments, 'moments.jsonl'), 'utf8')).trim().split('\n');
    return lines
      .map((line) => JSON.parse(line) as { step: StepName; name: string; number: number; kill?: string })
      .filter(({ kill }) => kill !== undefined)
      .map(({ step, name, number }) => ({ step, moment: name, number }));
  }

  /** Stops the services and removes the home. */
  async remove(): Promise<void> {
    await this.run('down');
    for (const path of [this.home, this.folder]) await rm(path, { recursive: true, force: true });
  }

  run(...args: string[]): Promise<CommandResult> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [CLI, ...args],
        { cwd: this.folder, env: this.environment(), maxBuffer: 1 << 26 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  /** Runs a command that must succeed, and gives its JSON document. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`plumbline ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`);
    return JSON.parse(stdout) as T;
  }

  /** Where the artifact lies. */
  artifact(id: string): string {
    return join(this.home, 'artifacts', id.slice(0, 2), id.slice(2));
  }

  /** A configuration file (JSON is YAML). */
  async configurationFile(configuration: object): Promise<string> {
    const file = join(this.folder, `run-${Math.random().toString(36).slice(2)}.yaml`);
    await writeFile(file, JSON.stringify(configuration));
    return file;
  }

  async start(configuration: object): Promise<string> {
    const { runId } = await this.json<{ runId: string }>(
      'run',
      'start',
      await this.configurationFile(configuration),
    );
    return runId;
  }

  show(runId: string): Promise<RunDescription> {
    return this.json<RunDescription>('run', 'show', runId);
  }

  /** Waits until the run is as wanted; a run that fails first is an error with its reason. */
  async until(
    runId: string,
    wanted: (run: RunDescription) => boolean,
    timeoutMs = 420_000,
  ): Promise<RunDescription> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const run = await this.show(runId);
      if (wanted(run)) return run;
      if (run.status === 'failed' || run.status === 'cancelled')
        throw new Error(`the run is ${JSON.stringify(run)}`);
      if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${JSON.stringify(run)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  completed(runId: string, timeoutMs?: number): Promise<RunDescription> {
    return this.until(runId, ({ status }) => status === 'completed', timeoutMs);
  }

  async pidOf(service: ServiceStatus['name']): Promise<number> {
    const { services } = await this.json<{ services: ServiceStatus[] }>('status');
    const pid = services.find(({ name }) => name === service)?.pid;
    if (pid == null) throw new Error(`${service} is not running: ${JSON.stringify(services)}`);
    return pid;
  }

  /** kill -9 of the process in which a step computes, if there is one at this moment. */
  async killTensorFlow(): Promise<void> {
    for (const child of childrenOf(await this.pidOf('gpu-worker'))) {
      try {
        process.kill(child, 'SIGKILL');
      } catch (error) {
        // It ended by itself since it was found.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** The API's base address. */
  apiUrl(): Promise<string> {
    return this.addressOf('api');
  }

  /** Why attempts at the steps failed that were tried again, as Temporal's histories have it: the last reason of each activity. */
  async retriedFailures(runId: string, steps: readonly StepName[]): Promise<string[]> {
    const connection = await Connection.connect({ address: await this.addressOf('temporal') });
    try {
      const client = new WorkflowClient({ connection, namespace: TEMPORAL_NAMESPACE });
      const histories = await Promise.all(
        steps.map((step) => client.getHandle(stepWorkflowId(runId, step)).fetchHistory()),
      );
      return histories
        .flatMap(({ events }) => events ?? [])
        .map((event) => event.activityTaskStartedEventAttributes?.lastFailure?.message)
        .filter((message) => message != null);
    } finally {
      await connection.close();
    }
  }

  private async addressOf(service: ServiceStatus['name']): Promise<string> {
    const { services } = await this.json<{ services: ServiceStatus[] }>('status');
    return services.find(({ name }) => name === service)!.address!;
  }

  credentials(): { email: string; password: string; role: string }[] {
    const stored = JSON.parse(readFileSync(join(this.home, 'credentials.json'), 'utf8')) as {
      accounts: { email: string; password: string; role: string }[];
    };
    return stored.accounts;
  }

  private environment(): NodeJS.ProcessEnv {
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      PLUMBLINE_HOME: this.home,
      PLUMBLINE_DRILL: this.moments,
      NODE_OPTIONS: [process.env['NODE_OPTIONS'], `--import=${FAULT_INJECTION}`].filter(Boolean).join(' '),
    };
    for (const name of [
      'DATABASE_URL',
      'TEMPORAL_ADDRESS',
      'ARTIFACTS_URL',
      'PLUMBLINE_API_PORT',
      'NODE_ENV',
      'VITEST',
    ]) {
      delete environment[name];
    }
    // A Temporal server that bootstrap put into the usual home serves this one too.
    const usual = process.env['PLUMBLINE_HOME'] ?? join(ROOT, '.plumbline');
    environment.PATH = [join(usual, 'bin'), environment.PATH].join(delimiter);
    return environment;
  }
}

/** Processes whose parent is `pid`. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Step name to the id of its newest checkpoint. */
export function checkpointIds({ steps }: RunDescription): Record<string, string | undefined> {
  return Object.fromEntries(steps.map(({ name, checkpoints }) => [name, checkpoints.at(-1)?.id]));
}

/** Step name to the ids of all its checkpoints, in their order. */
export function allCheckpointIds({ steps }: RunDescription): Record<string, string[]> {
  return Object.fromEntries(steps.map(({ name, checkpoints }) => [name, checkpoints.map(({ id }) => id)]));
}

/** @param optional the optional steps that the run has */
export function expectCompleted(run: RunDescription, optional: readonly 'sft'[] = []): void {
  expect(run.status).toBe('completed');
  expect(run.steps.map(({ name, status }) => [name, status])).toEqual(
    ['pretrain', ...optional, 'sample', 'collect', 'reward', 'optimise', 'evaluate'].map((name) => [
      name,
      'completed',
    ]),
  );
}
