import { join } from 'node:path';
import type { Environment } from '@plumbline/config';
import { readReplaceableJsonFile, writeJsonFile } from './atomic-file.js';
import { freePort, isPortFree } from './ports.js';
import { ServicesError } from './services-error.js';

export interface ServicePorts {
  readonly postgres: number;
  readonly temporal: number;
  readonly api: number;
}

function portsFile(home: string): string {
  return join(home, 'run', 'ports.json');
}

/**
 * The ports of the last start where they are still free, else others that are; remembered for the next start, so that
 * bookmarks keep working.
 * @throws ServicesError `port-in-use` when PLUMBLINE_API_PORT asks for one that is taken
 */
export async function choosePorts(settings: Environment): Promise<ServicePorts> {
  const remembered = (readReplaceableJsonFile(portsFile(settings.home)) ?? {}) as Partial<ServicePorts>;
  const ports: ServicePorts = {
    postgres: await freePort(remembered.postgres),
    temporal: await freePort(remembered.temporal),
    api: settings.apiPort ?? (await freePort(remembered.api)),
  };
  await requireApiPort(settings);
  writeJsonFile(portsFile(settings.home), ports);
  return ports;
}

/** @throws ServicesError `port-in-use` naming the port that was asked for and is taken */
export async function requireApiPort(settings: Environment): Promise<void> {
  const { apiPort, apiHost } = settings;
  if (apiPort !== null && !(await isPortFree(apiPort, apiHost)))
    throw new ServicesError(
      'port-in-use',
      `port ${String(apiPort)} on ${apiHost} (PLUMBLINE_API_PORT) is in use by another program; choose another or unset it`,
    );
}

/** An address without the password: `HOST:PORT` of a connection URL. */
export function hostOf(url: string, defaultPort: number): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || String(defaultPort)}`;
}
