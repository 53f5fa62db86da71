import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment, type Environment } from '@plumbline/config';
import { hostOf, type ServicePorts } from './addresses.js';
import { BoundedLog } from './bounded-log.js';
import type { Launch } from './launch.js';
import { LOOPBACK } from './ports.js';
import {
  APPLICATION_ROLE,
  databaseUrl,
  ensureDatabase,
  OWNER_ROLE,
  preparePostgres,
  waitForPostgres,
} from './postgres.js';
import { runToEnd } from './run-to-end.js';
import { databasePasswords, readSecrets } from './secrets.js';
import { logFile } from './service-state.js';
import { ServicesError } from './services-error.js';
import type { ServiceDefinition } from './supervised-service.js';
import type { ExternalService } from './supervisor.js';
import { accepts, prepareTemporal } from './temporal.js';

/** Every supervised process has it, so that what an unclean end leaves behind is found: the value is the home. */
export const SUPERVISED_VARIABLE = 'PLUMBLINE_SUPERVISED_BY';

/** Where one service finds the others. */
interface Connections {
  readonly databaseUrl: string;
  readonly databaseOwnerUrl: string | null;
  readonly temporalAddress: string;
  readonly apiUrl: string;
}

export interface PlumblineServices {
  readonly apiUrl: string;
  readonly services: readonly (ServiceDefinition | ExternalService)[];
}

/**
 * The five services of Plumbline as the environment describes them: embedded Postgres and Temporal unless their
 * addresses are given, the API, and the two workers.
 */
export function plumblineServices(settings: Environment, ports: ServicePorts): PlumblineServices {
  const { home } = settings;
  const temporalAddress = settings.temporalAddress ?? `${LOOPBACK}:${String(ports.temporal)}`;
  const reachable = settings.apiHost === '0.0.0.0' ? LOOPBACK : settings.apiHost;
  const apiUrl = `http://${reachable}:${String(ports.api)}`;
  const connections: Connections = { ...databaseUrls(settings, ports), temporalAddress, apiUrl };
  return {
    apiUrl,
    services: [
      settings.databaseUrl === null
        ? postgres(home, ports.postgres)
        : { name: 'postgres', address: hostOf(settings.databaseUrl, 5432) },
      settings.temporalAddress === null
        ? temporal(home, ports.temporal)
        : { name: 'temporal', address: settings.temporalAddress },
      api(settings, ports.api, connections),
      pipelineWorker(settings, connections),
      gpuWorker(settings, connections),
    ],
  };
}

function databaseUrls(
  settings: Environment,
  ports: ServicePorts,
): Pick<Connections, 'databaseUrl' | 'databaseOwnerUrl'> {
  if (settings.databaseUrl !== null)
    return { databaseUrl: settings.databaseUrl, databaseOwnerUrl: settings.databaseOwnerUrl };
  const passwords = databasePasswords(settings.home);
  return {
    databaseUrl: databaseUrl(ports.postgres, APPLICATION_ROLE, passwords.application),
    databaseOwnerUrl: databaseUrl(ports.postgres, OWNER_ROLE, passwords.owner),
  };
}

function postgres(home: string, port: number): ServiceDefinition {
  const passwords = databasePasswords(home);
  const address = { port, superuserPassword: passwords.superuser };
  let databaseThere = false;
  return {
    name: 'postgres',
    after: [],
    address: `${LOOPBACK}:${String(port)}`,
    launch: ({ say }) => {
      say('preparing the database cluster');
      return preparePostgres({
        directory: join(home, 'postgres'),
        ...address,
        env: environmentOf(home),
      });
    },
    isReady: async () => {
      await waitForPostgres(address, 0);
      if (!databaseThere) await ensureDatabase(address, passwords);
      databaseThere = true;
      return true;
    },
    // A fast shutdown: open transactions are rolled back, nothing committed is lost.
    stopSignal: 'SIGINT',
    graceMs: 20_000,
  };
}

function temporal(home: string, port: number): ServiceDefinition {
  return {
    name: 'temporal',
    after: [],
    address: `${LOOPBACK}:${String(port)}`,
    launch: () =>
      prepareTemporal({
        home,
        port,
        file: join(home, 'temporal', 'temporal.db'),
        env: environmentOf(home),
      }),
    isReady: () => accepts(LOOPBACK, port),
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
  };
}

function api(settings: Environment, port: number, connections: Connections): ServiceDefinition {
  const program = join(settings.root, 'apps', 'api', 'dist');
  let prepared = false;
  return {
    name: 'api',
    after: ['postgres', 'temporal'],
    address: connections.apiUrl,
    launch: async ({ say, signal }) => {
      if (!prepared) {
        say('migrating the database');
        await prepareDatabase(settings, connections, join(program, 'prepare.js'), signal);
        prepared = true;
      }
      return nodeProgram(settings, join(program, 'main.js'), {
        ...connectionVariables(settings, connections),
        PLUMBLINE_API_HOST: settings.apiHost,
        PLUMBLINE_API_PORT: String(port),
      });
    },
    isReady: async () => {
      const response = await fetch(`${connections.apiUrl}/api/v1/health`, {
        signal: AbortSignal.timeout(5000),
      });
      return response.ok;
    },
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
  };
}

/** Migrations and, on the first start, accounts and tokens. Runs as the database's owner; nothing else does. */
async function prepareDatabase(
  settings: Environment,
  connections: Connections,
  program: string,
  signal: AbortSignal,
): Promise<void> {
  if (connections.databaseOwnerUrl === null)
    throw new ServicesError(
      'child-failed',
      'DATABASE_URL is set and DATABASE_OWNER_URL is not; the owner’s URL is needed for migrations',
    );
  const launch = nodeProgram(settings, program, {
    ...connectionVariables(settings, connections),
    DATABASE_OWNER_URL: connections.databaseOwnerUrl,
  });
  const log = new BoundedLog(logFile(settings.home, 'prepare'));
  try {
    await runToEnd(launch, 'preparing the database', log, signal);
  } finally {
    log.close();
  }
}

function pipelineWorker(settings: Environment, connections: Connections): ServiceDefinition {
  return {
    name: 'pipeline-worker',
    after: ['api'],
    address: null,
    launch: () =>
      Promise.resolve(
        nodeProgram(settings, join(settings.root, 'apps', 'pipeline-worker', 'dist', 'main.js'), {
          ...connectionVariables(settings, connections),
          PLUMBLINE_TOKEN: readSecrets(settings.home).serviceToken,
        }),
      ),
    isReady: (saidReady) => Promise.resolve(saidReady),
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
  };
}

function gpuWorker(settings: Environment, connections: Connections): ServiceDefinition {
  return {
    name: 'gpu-worker',
    after: ['api'],
    address: null,
    launch: () =>
      Promise.resolve(
        nodeProgram(settings, join(settings.root, 'apps', 'gpu-worker', 'dist', 'main.js'), {
          ...connectionVariables(settings, connections),
          PLUMBLINE_DEVICE: settings.device,
          ...(settings.device === 'gpu' ? cudaVariables(settings.home) : {}),
        }),
      ),
    isReady: (saidReady) => Promise.resolve(saidReady),
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
  };
}

/** CUDA and cuDNN from the wheels that bootstrap unpacked, before what the system has. Not yet tried on a GPU. */
function cudaVariables(home: string): Record<string, string> {
  const nvidia = join(home, 'tensorflow', 'gpu-2.21.0', 'nvidia');
  if (!existsSync(nvidia)) return {};
  const { LD_LIBRARY_PATH, PATH, XLA_FLAGS } = childEnvironment();
  const libraries = readdirSync(nvidia).map((part) => join(nvidia, part, 'lib'));
  const toolkit = join(nvidia, 'cuda_nvcc');
  return {
    LD_LIBRARY_PATH: joined(':', ...libraries, LD_LIBRARY_PATH),
    // Where XLA finds the assembler and the device code.
    PATH: joined(':', join(toolkit, 'bin'), PATH),
    XLA_FLAGS: joined(' ', `--xla_gpu_cuda_data_dir=${toolkit}`, XLA_FLAGS),
  };
}

function joined(separator: string, ...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(separator);
}

function connectionVariables(settings: Environment, connections: Connections) {
  return {
    DATABASE_URL: connections.databaseUrl,
    TEMPORAL_ADDRESS: connections.temporalAddress,
    ARTIFACTS_URL: settings.artifactsUrl,
    PLUMBLINE_API_URL: connections.apiUrl,
  };
}

function nodeProgram(
  settings: Environment,
  program: string,
  variables: Readonly<Record<string, string | undefined>>,
): Launch {
  if (!existsSync(program))
    throw new ServicesError('not-built', `${program} is missing; run \`npm run build\` in the checkout`);
  return {
    command: process.execPath,
    args: ['--enable-source-maps', program],
    cwd: settings.root,
    env: environmentOf(settings.home, {
      NODE_ENV: 'production',
      // Only what each one needs: the owner's URL and people's tokens are not handed on.
      DATABASE_OWNER_URL: undefined,
      PLUMBLINE_TOKEN: undefined,
      ...variables,
    }),
  };
}

function environmentOf(home: string, variables: Readonly<Record<string, string | undefined>> = {}) {
  return childEnvironment({ PLUMBLINE_HOME: home, [SUPERVISED_VARIABLE]: home, ...variables });
}
