import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileArtifactStore } from '@plumbline/artifacts';
import type { Role } from '@plumbline/contracts';
import { createApiToken, createDataSource, createUser } from '@plumbline/database';
import { startTestDatabase } from '@plumbline/testing';
import type { NestExpressApplication } from '@nestjs/platform-express';
import request from 'supertest';
import type { DataSource } from 'typeorm';
import { createApplication } from '../src/application.js';
import { generateToken, hashPassword, hashToken } from '../src/auth/secrets.js';
import { Workflows } from '../src/runs/workflows.js';

export const PASSWORD = 'correct horse battery';

export interface TestApi {
  readonly application: NestExpressApplication;
  /** As the application's role. */
  readonly database: DataSource;
  readonly ownerUrl: string;
  readonly artifacts: FileArtifactStore;
  /** Where the web app would be. */
  readonly webDirectory: string;
  readonly url: string;
  /** A new account of the role. */
  user(role: Role): Promise<{ id: string; email: string }>;
  /** A new account of the role and a bearer token for it. */
  token(role: Role): Promise<string>;
  /** A request with a bearer token. */
  as(token: string): ReturnType<typeof request.agent>;
  stop(): Promise<void>;
}

/** Nothing listens there. */
const NOWHERE = '127.0.0.1:1';

/** The whole API on a free port, over a real Postgres; Temporal is where `temporalAddress` says, or nowhere. */
export async function startTestApi(temporalAddress?: string): Promise<TestApi> {
  const server = await startTestDatabase();
  const database = await createDataSource({ url: server.appUrl }).initialize();
  const folder = await mkdtemp(join(tmpdir(), 'plumbline-api-'));
  const artifacts = new FileArtifactStore(join(folder, 'artifacts'));
  const webDirectory = join(folder, 'web');
  const application = await createApplication(
    {
      database,
      artifacts,
      workflows:
        temporalAddress === undefined ? new Workflows(NOWHERE, 1000) : new Workflows(temporalAddress),
    },
    { webDirectory },
  );
  await application.listen(0, '127.0.0.1');
  const url = (await application.getUrl()).replace('[::1]', '127.0.0.1');
  const passwordHash = await hashPassword(PASSWORD);
  const actor = { kind: 'service', id: 'test' } as const;

  const user: TestApi['user'] = async (role) => {
    const email = `${role}-${randomUUID()}@example.org`;
    const { id } = await createUser(
      database,
      { kind: 'person', email, displayName: `A ${role}`, role, passwordHash },
      actor,
    );
    return { id, email };
  };
  return {
    application,
    database,
    ownerUrl: server.ownerUrl,
    artifacts,
    webDirectory,
    url,
    user,
    token: async (role) => {
      const token = generateToken();
      const { id } = await user(role);
      await createApiToken(database, { userId: id, name: 'test', tokenHash: hashToken(token) }, actor);
      return token;
    },
    as: (token) => request.agent(url).auth(token, { type: 'bearer' }),
    stop: async () => {
      await application.close();
      await database.destroy();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
