import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What the process was told by its environment. The one reader of `process.env`. */
export interface Environment {
  /** Root of the checkout. */
  readonly root: string;
  /** Everything Plumbline writes by default is below it. */
  readonly home: string;
  /** As the application's role, which cannot alter judgements and events. */
  readonly databaseUrl: string | null;
  /** As the owner: migrations only. */
  readonly databaseOwnerUrl: string | null;
  readonly temporalAddress: string | null;
  readonly artifactsUrl: string;
  readonly apiHost: string;
  /** null: a free port. */
  readonly apiPort: number | null;
  /** Where the API is reached by programs, and the token they show. */
  readonly apiUrl: string | null;
  readonly token: string | null;
  readonly device: 'cpu' | 'gpu';
  /** TensorFlow threads; null: one per core. */
  readonly threads: number | null;
  /** Of the matrix products in training updates; `auto`: measured where it is worth it. */
  readonly precision: 'auto' | 'fp32' | 'bf16';
}

/** A variable that is missing or makes no sense; the message names it. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** @throws EnvironmentError naming the variable that makes no sense */
export function environment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const read = (name: string) => {
    const value = variables[name];
    return value === undefined || value === '' ? null : value;
  };
  const home = resolve(read('PLUMBLINE_HOME') ?? join(ROOT, '.plumbline'));
  const device = read('PLUMBLINE_DEVICE') ?? 'cpu';
  if (device !== 'cpu' && device !== 'gpu') {
    throw new EnvironmentError(`PLUMBLINE_DEVICE must be cpu or gpu, not ${JSON.stringify(device)}`);
  }
  const precision = read('PLUMBLINE_PRECISION') ?? 'auto';
  if (precision !== 'auto' && precision !== 'fp32' && precision !== 'bf16') {
    throw new EnvironmentError(
      `PLUMBLINE_PRECISION must be auto, fp32 or bf16, not ${JSON.stringify(precision)}`,
    );
  }
  return {
    root: ROOT,
    home,
    databaseUrl: read('DATABASE_URL'),
    databaseOwnerUrl: read('DATABASE_OWNER_URL'),
    temporalAddress: read('TEMPORAL_ADDRESS'),
    artifactsUrl: read('ARTIFACTS_URL') ?? pathToFileURL(join(home, 'artifacts')).href,
    apiHost: read('PLUMBLINE_API_HOST') ?? '127.0.0.1',
    apiPort: wholeNumber('PLUMBLINE_API_PORT', read('PLUMBLINE_API_PORT'), 65_535),
    apiUrl: read('PLUMBLINE_API_URL'),
    token: read('PLUMBLINE_TOKEN'),
    device,
    threads: wholeNumber('PLUMBLINE_THREADS', read('PLUMBLINE_THREADS'), 1024),
    precision,
  };
}

/** The value of a variable that this program cannot do without. @throws EnvironmentError naming it */
export function required(name: string, value: string | null): string {
  if (value === null) throw new EnvironmentError(`${name} is not set`);
  return value;
}

function wholeNumber(name: string, value: string | null, maximum: number): number | null {
  if (value === null) return null;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > maximum) {
    throw new EnvironmentError(
      `${name} must be a whole number from 1 to ${maximum}, not ${JSON.stringify(value)}`,
    );
  }
  return number;
}
