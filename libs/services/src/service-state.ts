import { join } from 'node:path';
import type { ServiceStatus } from '@plumbline/contracts';
import { readReplaceableJsonFile, writeJsonFile } from './atomic-file.js';
import type { ProcessIdentity } from './process-control.js';

/** One supervised program, as the supervisor last knew it. */
export interface ServiceRecord {
  readonly name: string;
  readonly state: ServiceStatus['state'];
  readonly address: string | null;
  readonly process: ProcessIdentity | null;
  /** How often it was started again after it ended by itself. */
  readonly restarts: number;
  /** What it is doing or what went wrong last; for people. */
  readonly detail: string | null;
}

/** PLUMBLINE_HOME/run/services.json, written by the supervisor alone. */
export interface SupervisorState {
  readonly supervisor: ProcessIdentity;
  readonly state: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';
  readonly startedAt: string;
  /** Why it is `failed`. */
  readonly problem: string | null;
  /** Base address of the API, `http://127.0.0.1:PORT`. */
  readonly apiUrl: string | null;
  readonly services: readonly ServiceRecord[];
}

export function stateFile(home: string): string {
  return join(home, 'run', 'services.json');
}

/** Null before the first start, and when the file is damaged. */
export function readState(home: string): SupervisorState | null {
  return readReplaceableJsonFile(stateFile(home)) as SupervisorState | null;
}

export function writeState(home: string, state: SupervisorState): void {
  writeJsonFile(stateFile(home), state);
}

export function logFile(home: string, service: string): string {
  return join(home, 'logs', `${service}.log`);
}
