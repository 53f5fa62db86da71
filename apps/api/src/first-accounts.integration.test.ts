import { createDataSource, query } from '@plumbline/database';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import request from 'supertest';
import { startTestApi, type TestApi } from '../test-support/test-api.js';
import {
  createFirstAccounts,
  ensureProgramTokens,
  type Credentials,
  type ProgramTokens,
} from './first-accounts.js';

let api: TestApi;
let owner: DataSource;
beforeAll(async () => {
  api = await startTestApi();
  owner = await createDataSource({ url: api.ownerUrl }).initialize();
});
afterAll(async () => {
  await owner.destroy();
  await api.stop();
});

const nothing = (): Promise<void> => Promise.resolve();

it('makes one account a role and two tokens on the first start, and nothing on the next', async () => {
  let kept: readonly Credentials[] = [];
  const lost = createFirstAccounts(owner, () => Promise.reject(new Error('disk full')));
  await expect(lost).rejects.toThrow('disk full');
  expect(await query(owner, `SELECT 1 FROM users`)).toEqual([]);

  const accounts = await createFirstAccounts(owner, (credentials) => {
    kept = credentials;
    return Promise.resolve();
  });
  expect(accounts).toEqual(kept);
  expect(accounts.map(({ role }) => role)).toEqual(['admin', 'researcher', 'labeler', 'auditor']);
  for (const { email, password, role } of accounts) {
    const response = await request(api.url).post('/api/v1/auth/login').send({ email, password }).expect(200);
    expect(response.body).toMatchObject({ user: { role } });
  }
  expect(await createFirstAccounts(owner, nothing)).toEqual([]);

  const tokens = await ensureProgramTokens(owner, {}, nothing);
  for (const token of [tokens.researcherToken!, tokens.serviceToken!])
    await api.as(token).get('/api/v1/runs').expect(200);
  expect(await ensureProgramTokens(owner, tokens, nothing)).toEqual({});
});

it('replaces a token that was lost, and revokes what it replaces', async () => {
  const known = await ensureProgramTokens(owner, {}, nothing);
  let kept: ProgramTokens = {};
  const replaced = await ensureProgramTokens(owner, { serviceToken: known.serviceToken }, (tokens) => {
    kept = tokens;
    return Promise.resolve();
  });
  expect(Object.keys(replaced)).toEqual(['researcherToken']);
  expect(kept).toEqual(replaced);
  await api.as(known.researcherToken!).get('/api/v1/runs').expect(401);
  await api.as(replaced.researcherToken!).get('/api/v1/runs').expect(200);
});
