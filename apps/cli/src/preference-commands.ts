/** What the `preferences` commands do. They work through the API; `--model` also reads the artifact store. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ArtifactError, openArtifactStore, readCheckpointManifest } from '@plumbline/artifacts';
import type { Environment } from '@plumbline/config';
import type { JudgedComparison, ModelConfiguration, PreferenceFileHeader } from '@plumbline/contracts';
import {
  DataError,
  PreferenceFileError,
  preparePreferences,
  rowsOf,
  type PreparedPreferences,
  type SetTokenizer,
  type WrittenPreferences,
} from '@plumbline/data';
import { endOfTextOf, Tokenizer } from '@plumbline/model';
import { Api } from './api.js';
import { CommandError, FAILED, WRONG_USE } from './command-error.js';
import type { ExportPreferencesOptions, ImportPreferencesOptions } from './commands/preferences.js';
import { print, printJson, remark } from './output.js';
import { downloadPreferences, uploadPreferences, type ImportedPreferences } from './preference-transfer.js';

export async function importPreferences(
  settings: Environment,
  path: string,
  options: ImportPreferencesOptions,
): Promise<void> {
  const api = await Api.connect(settings);
  const model = options.model === undefined ? null : await setTokenizer(settings, options.model);
  const folder = await mkdtemp(join(tmpdir(), 'plumbline-preferences-'));
  try {
    const prepared = await prepare(path, options, model, join(folder, 'comparisons.jsonl'));
    sayWhatIsLeftOut(prepared);
    const { file, rows, leftOut, truncated } = prepared;
    const imported = await uploadPreferences(
      api,
      {
        fileName: file.name,
        fileSha256: file.sha256,
        fileBytes: file.bytes,
        format: options.format,
        model: options.model,
        rows,
        ...leftOut,
        truncated,
      },
      prepared.lines(),
    );
    if (!imported.created) remark(`this file was imported before, in the same way: nothing has changed`);
    if (options.json) printJson({ ...imported, rows, leftOut, truncated });
    else print(importText(imported, options));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function prepare(
  path: string,
  { format, heldOut, longRows, malformedRows }: ImportPreferencesOptions,
  model: SetTokenizer | null,
  spool: string,
): Promise<PreparedPreferences> {
  try {
    return await preparePreferences(path, {
      format,
      model,
      heldOut: heldOut ?? null,
      longRows,
      malformedRows,
      spool,
    });
  } catch (error) {
    if (error instanceof PreferenceFileError)
      throw new CommandError(WRONG_USE, error.message, { cause: error });
    if (error instanceof DataError) {
      const { path: place = path } = error.location;
      throw new CommandError(WRONG_USE, `${place}: ${error.problem}`, { cause: error });
    }
    throw error;
  }
}

async function setTokenizer(settings: Environment, id: string): Promise<SetTokenizer> {
  const store = openArtifactStore(settings.artifactsUrl);
  try {
    const { configuration, references } = await readCheckpointManifest(store, id);
    const { model } = configuration as { model?: ModelConfiguration };
    const tokenizerId = references['tokenizer'];
    if (model === undefined)
      throw new CommandError(WRONG_USE, `--model: checkpoint ${id} holds no language model`);
    const json = tokenizerId === undefined ? null : await store.getJson<unknown>(tokenizerId);
    if (tokenizerId === undefined || endOfTextOf(json) === null) {
      const lacks =
        tokenizerId === undefined ? 'no tokenizer' : 'a tokenizer without a token that ends a text';
      throw new CommandError(WRONG_USE, `--model: checkpoint ${id} has ${lacks}`);
    }
    return { tokenizer: new Tokenizer(json), tokenizerId, context: model.context };
  } catch (error) {
    if (!(error instanceof ArtifactError)) throw error;
    const code = error.code === 'corrupted' ? FAILED : WRONG_USE;
    throw new CommandError(code, `--model: ${error.message}`, { cause: error });
  }
}

function sayWhatIsLeftOut({ leftOut, truncated, rows }: PreparedPreferences): void {
  const { malformed, long, identical } = leftOut;
  const of = `of ${rows} rows`;
  if (malformed > 0) remark(`${malformed} ${of} could not be read and are left out`);
  if (long > 0) remark(`${long} ${of} do not fit the model's context and are left out`);
  if (identical > 0) remark(`${identical} ${of} compare a response with itself and are left out`);
  if (truncated > 0) remark(`${truncated} responses have their end cut off`);
}

/** The ids as they go into a configuration. */
function importText(imported: ImportedPreferences, { model }: ImportPreferencesOptions): string {
  const { judgements, comparisonCount, heldOut, runId, comparisons, preferences } = imported;
  return [
    `${judgements} judgements of ${comparisonCount} comparisons, ${heldOut} of them held out`,
    `run ${runId}`,
    '',
    'step: reward',
    'inputs:',
    `  model: ${model ?? '# the checkpoint to train'}`,
    `  comparisons: ${comparisons}`,
    `  preferences: ${preferences}`,
  ].join('\n');
}

export async function exportPreferences(
  settings: Environment,
  { run, format, out, json }: ExportPreferencesOptions,
): Promise<void> {
  const path = resolve(out);
  await checkDestination(path);
  const api = await Api.connect(settings);
  const pieces = await downloadPreferences(api, run);
  const written: WrittenPreferences = { judgements: 0, rows: 0, leftOut: {} };
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const text = format === 'plumbline' ? unchanged(pieces, written) : converted(pieces, format, written);
    await pipeline(Readable.from(text), createWriteStream(temporary, { flags: 'wx' }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  for (const [outcome, count] of Object.entries(written.leftOut)) {
    remark(
      `${count} judgements are left out: the format ${format} cannot say "${outcome.replace('_', ' ')}"`,
    );
  }
  if (json) printJson({ ...written, file: path });
  else print(`${written.judgements} judgements in ${path}`);
}

/** Where the file cannot be, nothing is asked for. */
async function checkDestination(path: string): Promise<void> {
  const kind = (place: string) =>
    stat(place).then(
      (found) => (found.isDirectory() ? 'folder' : 'file'),
      () => null,
    );
  if ((await kind(dirname(path))) !== 'folder') {
    throw new CommandError(WRONG_USE, `--out: there is no folder ${dirname(path)}`);
  }
  if ((await kind(path)) === 'folder') throw new CommandError(WRONG_USE, `--out: ${path} is a folder`);
}

/** Plumbline's own format: what the API gives, line by line, so that a download that breaks off shows. */
async function* unchanged(
  pieces: AsyncIterable<Buffer>,
  written: WrittenPreferences,
): AsyncGenerator<string> {
  for await (const { line, comparison } of judged(pieces)) {
    yield `${line}\n`;
    if (comparison === null) continue;
    written.rows++;
    written.judgements += comparison.judgements.filter(({ outcome }) => outcome !== 'skipped').length;
  }
}

async function* converted(
  pieces: AsyncIterable<Buffer>,
  format: Exclude<ExportPreferencesOptions['format'], 'plumbline'>,
  written: WrittenPreferences,
): AsyncGenerator<string> {
  for await (const { comparison } of judged(pieces)) {
    if (comparison !== null) yield rowsOf(comparison, format, written);
  }
}

/** The header (comparison null), then every comparison. @throws CommandError when the download is not whole */
async function* judged(
  pieces: AsyncIterable<Buffer>,
): AsyncGenerator<{ line: string; comparison: JudgedComparison | null }> {
  let header: PreferenceFileHeader | null = null;
  let comparisons = 0;
  let pending = '';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const piece of brokenOff(pieces)) {
    const lines = (pending + decoder.decode(piece, { stream: true })).split('\n');
    pending = lines.pop()!;
    for (const line of lines) {
      if (header === null) {
        header = JSON.parse(line) as PreferenceFileHeader;
        yield { line, comparison: null };
        continue;
      }
      comparisons++;
      yield { line, comparison: JSON.parse(line) as JudgedComparison };
    }
  }
  if (header?.comparisons !== comparisons || pending !== '') throw notWhole();
}

async function* brokenOff(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (cause) {
    throw notWhole(cause);
  }
}

function notWhole(cause?: unknown): CommandError {
  return new CommandError(FAILED, 'the API broke off in the middle of the export; nothing is written', {
    cause,
  });
}
