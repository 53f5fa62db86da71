/** Preferences to and from the API, streamed: no limit of time or memory depends on how many there are. */
import { once } from 'node:events';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Schemas } from '@plumbline/api-client';
import { Unreachable, refusal, type Api } from './api.js';

export type ImportedPreferences = Schemas['PreferenceImportDto'];
export type ImportSource = Readonly<Record<string, string | number | undefined>>;

/** @throws CommandError with what the API refuses */
export async function uploadPreferences(
  api: Api,
  source: ImportSource,
  lines: AsyncIterable<string>,
): Promise<ImportedPreferences> {
  const url = new URL('/api/v1/preference-imports', api.url);
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const ending = new AbortController();
  const response = await ask(api, 'POST', url, { lines, signal: ending.signal });
  const body = await textOf(response);
  if (response.statusCode !== 201) {
    // Perhaps it is still sending.
    ending.abort();
    throw refused(response, body);
  }
  return JSON.parse(body) as ImportedPreferences;
}

/** A run's preferences as a Plumbline file, in pieces. @throws CommandError with what the API refuses */
export async function downloadPreferences(api: Api, runId: string): Promise<AsyncIterable<Buffer>> {
  const url = new URL(`/api/v1/runs/${encodeURIComponent(runId)}/preferences`, api.url);
  const response = await ask(api, 'GET', url);
  if (response.statusCode !== 200) throw refused(response, await textOf(response));
  return response as AsyncIterable<Buffer>;
}

async function ask(
  api: Api,
  method: 'GET' | 'POST',
  url: URL,
  upload?: { readonly lines: AsyncIterable<string>; readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = send(url, {
    method,
    signal: upload?.signal,
    headers: {
      authorization: `Bearer ${api.token}`,
      ...(upload && { 'content-type': 'application/x-ndjson' }),
    },
  });
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  let unreadable: unknown = null;
  if (upload === undefined) request.end();
  else {
    const source = Readable.from(upload.lines).once('error', (error) => (unreadable = error));
    // An answer may come before the upload is over, and end it; what goes wrong with the connection, `answered` tells.
    pipeline(source, request).catch(() => undefined);
  }
  try {
    return (await answered)[0];
  } catch (cause) {
    if (unreadable !== null) throw unreadable as Error;
    throw new Unreachable(`the API at ${api.url} does not answer; see \`npx plumbline status\``, { cause });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

function refused(response: IncomingMessage, body: string): Error {
  let problem: unknown;
  try {
    problem = JSON.parse(body);
  } catch {
    problem = {};
  }
  const { statusCode: status = 0, statusMessage: statusText = '' } = response;
  return refusal({ status, statusText }, problem);
}
