import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { home as usualHome, ROOT } from '../lib/paths.mjs';
import { PLAN_FILE } from './moments.mjs';

const INJECTION = pathToFileURL(join(ROOT, 'tools', 'drill', 'fault-injection.mjs')).href;

/** Variables that would have Plumbline use what is not of this home. */
const NOT_OURS = [
  'DATABASE_URL',
  'TEMPORAL_ADDRESS',
  'ARTIFACTS_URL',
  'PLUMBLINE_API_PORT',
  'PLUMBLINE_API_URL',
];

/** Homes that are not removed yet. */
const homes = new Set();

/** Stops the services of every home and removes it: for a drill that is interrupted. */
export async function removeHomes() {
  await Promise.all(
    [...homes].map(async (home) => {
      await home.down().catch(() => undefined);
      home.remove();
    }),
  );
}

/**
 * What every home of a drill computes by: left to itself, each home would choose for itself.
 *
 * @typedef {object} Plan
 * @property {number} threads
 * @property {'fp32' | 'bf16'} precision
 * @property {string} algorithm of the step optimise
 */

/** A fresh PLUMBLINE_HOME whose services are real, and whose gpu-worker is killed as planned. */
export class DrillHome {
  #plan;

  /**
   * @param {Plan} plan
   * @param {readonly import('./kills.mjs').Kill[]} kills
   */
  constructor(plan, kills) {
    this.#plan = plan;
    this.folder = mkdtempSync(join(tmpdir(), 'plumbline-drill-'));
    this.home = join(this.folder, 'home');
    /** What fault-injection.mjs reads and writes. */
    this.moments = join(this.folder, 'moments');
    mkdirSync(this.home);
    mkdirSync(this.moments);
    writeFileSync(join(this.moments, PLAN_FILE), JSON.stringify({ kills }));
    homes.add(this);
  }

  /** Runs the command line in the folder. @throws Error with what it said, when it does not end with 0 */
  async plumbline(...args) {
    const { code, output, problem } = await this.#spawn(args);
    if (code !== 0) throw new Error(`plumbline ${args.join(' ')} ended with ${code}: ${problem || output}`);
    return output;
  }

  /** @returns {Promise<string>} id of the run */
  async start(configuration) {
    const file = join(this.folder, 'run.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(configuration));
    return JSON.parse(await this.plumbline('run', 'start', file, '--json')).runId;
  }

  /** The run as the API tells it, now. */
  async show(runId) {
    const { apiUrl } = JSON.parse(readFileSync(join(this.home, 'run', 'services.json'), 'utf8'));
    const { researcherToken } = JSON.parse(readFileSync(join(this.home, 'secrets.json'), 'utf8'));
    const answer = await fetch(`${apiUrl}/api/v1/runs/${runId}`, {
      headers: { authorization: `Bearer ${researcherToken}` },
      signal: AbortSignal.timeout(30_000),
    });
    if (!answer.ok) throw new Error(`the API answers ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  /** Stops the services. */
  down() {
    return this.plumbline('down', '--json');
  }

  remove() {
    homes.delete(this);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(args) {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(ROOT, 'bin', 'plumbline.js'), ...args], {
        cwd: this.folder,
        env: this.#environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      let problem = '';
      child.stdout.on('data', (chunk) => (output += chunk));
      child.stderr.on('data', (chunk) => (problem += chunk));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 1, output, problem: problem.trim() }));
    });
  }

  #environment() {
    const environment = { ...process.env };
    for (const name of NOT_OURS) delete environment[name];
    return {
      ...environment,
      PLUMBLINE_HOME: this.home,
      PLUMBLINE_DEVICE: 'cpu',
      PLUMBLINE_THREADS: String(this.#plan.threads),
      PLUMBLINE_PRECISION: this.#plan.precision,
      // A Temporal server that bootstrap put into the usual home serves this one too.
      PATH: [join(usualHome(), 'bin'), process.env.PATH].join(delimiter),
      PLUMBLINE_DRILL: this.moments,
      NODE_OPTIONS: [process.env.NODE_OPTIONS, `--import=${INJECTION}`].filter(Boolean).join(' '),
    };
  }
}
