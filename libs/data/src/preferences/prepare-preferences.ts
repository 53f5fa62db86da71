/** A preference file, checked whole and made ready to be stored, before anything is. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { canonicalJson, sealComparison, type ComparisonContent } from '@plumbline/artifacts';
import type {
  JudgedComparison,
  LeftOutRows,
  PreferenceFileHeader,
  PreferenceFormatName,
  RecordedJudgement,
} from '@plumbline/contracts';
import {
  checkJudgedComparison,
  checkPreferenceFileHeader,
  checkPseudonym,
  checkText,
  JudgementError,
} from '@plumbline/labeling';
import { DataError } from '../data-error.js';
import type { DataFile } from '../data-files.js';
import { DocumentSplit } from '../document-split.js';
import { parseRow } from '../json-rows.js';
import { readLines, type Line } from '../text-lines.js';
import { ROW_FORMATS } from './formats.js';
import { RowError, type JsonObject, type PreferenceRow } from './preference-row.js';
import {
  isIdentical,
  longestSequenceOf,
  tokenizeComparison,
  truncated,
  withoutTokens,
  type SetTokenizer,
} from './tokenize.js';

export interface PreferenceImportOptions {
  readonly format: PreferenceFormatName;
  /**
   * Of the model whose tokens are made; a Plumbline file of the same tokenizer keeps its own. null: the texts are kept,
   * with such tokens as the file has.
   */
  readonly model: SetTokenizer | null;
  /** Share of the prompts to hold out, from 0 and below 1; null: as the file has it, a tenth where it does not say. */
  readonly heldOut: number | null;
  /**
   * What becomes of a comparison longer than the model's context: an error, the ends of its responses cut off, or left
   * out. Without a model, all are kept.
   */
  readonly longRows: 'refuse' | 'truncate' | 'drop';
  /** What becomes of rows that cannot be read: an error that names them all, or left out. */
  readonly malformedRows: 'refuse' | 'drop';
  /** A file to be made here: comparisons wait in it, so that memory holds only what was said about them. */
  readonly spool: string;
}

export interface PreparedPreferences {
  readonly header: PreferenceFileHeader;
  readonly file: { readonly name: string; readonly sha256: string; readonly bytes: number };
  /** Lines of the file, empty ones and a header left out. */
  readonly rows: number;
  readonly leftOut: LeftOutRows;
  readonly truncated: number;
  readonly heldOut: number;
  /** A Plumbline preference file, a line at a time: the header, then a comparison each. */
  lines(): AsyncGenerator<string>;
}

export interface RowProblem {
  /** 1 for the file's first line. */
  readonly line: number;
  readonly problem: string;
}

/** A file that cannot be imported as it is: every row at fault, as far as `MAXIMUM_PROBLEMS`. */
export class PreferenceFileError extends Error {
  override readonly name = 'PreferenceFileError';
  constructor(
    readonly path: string,
    readonly problems: readonly RowProblem[],
    /** How many more there are. */
    readonly more: number,
  ) {
    super(
      [
        ...problems.map(({ line, problem }) => `${path}:${line}: ${problem}`),
        ...(more > 0 ? [`${path}: and ${more} more`] : []),
      ].join('\n'),
    );
  }
}

export const MAXIMUM_PROBLEMS = 200;
const DEFAULT_HELD_OUT = 0.1;
const KEY = 'preferences';
/** Instructions that labelers of other formats had are in no file. */
const UNKNOWN_GUIDELINE =
  'The instructions that the labelers of these imported judgements had are not recorded.';

/**
 * Reads the file whole: every row is checked, tokenised, and joined with others that judge the same comparison. Nothing
 * but the spool is written.
 *
 * @throws PreferenceFileError naming every row that cannot be used; DataError when there is no such file, or no rows
 */
export async function preparePreferences(
  path: string,
  options: PreferenceImportOptions,
): Promise<PreparedPreferences> {
  const file: DataFile = { path: resolve(path), format: 'json-lines', gzipped: path.endsWith('.gz') };
  const description = await describe(file.path);
  const spool = await open(options.spool, 'wx');
  const reading = new Reading(options);
  try {
    for await (const lines of readLines(KEY, file)) await spool.appendFile(reading.take(lines));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    // The file breaks off here.
    reading.report(error.location.line ?? 1, error.problem);
  } finally {
    await spool.close();
  }
  return reading.end(file.path, description);
}

async function describe(path: string): Promise<PreparedPreferences['file']> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      if (bytes === 0 && chunk.toString('latin1', 0, 4) === 'PAR1') {
        throw new DataError(
          { key: KEY, path },
          'is a Parquet file; save it as JSON Lines first (`datasets.load_dataset(…).to_json(…)`)',
        );
      }
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a folder' : message;
    throw new DataError({ key: KEY, path }, problem, { cause: error });
  }
  return { name: basename(path), sha256: hash.digest('hex'), bytes };
}

/** What is remembered of a comparison while its content waits in the spool. */
interface Gathered {
  readonly promptHash: string;
  /** As the file has it; null: it does not say. */
  readonly split: JudgedComparison['split'] | null;
  readonly judgements: RecordedJudgement[];
}

/** Not the row's fault: there is a choice to make. */
class TooLongError extends Error {}

class Reading {
  /** By key, in the order of the spool. */
  private readonly comparisons = new Map<string, Gathered>();
  private readonly split: DocumentSplit;
  private readonly problems: RowProblem[] = [];
  private more = 0;
  private rows = 0;
  private readonly leftOut = { malformed: 0, long: 0, identical: 0 };
  private truncated = 0;
  private fileHeader: PreferenceFileHeader | null = null;
  private judgementsRead = 0;

  constructor(private readonly options: PreferenceImportOptions) {
    this.split = new DocumentSplit(options.heldOut ?? DEFAULT_HELD_OUT);
  }

  report(line: number, problem: string): void {
    if (this.problems.length < MAXIMUM_PROBLEMS) this.problems.push({ line, problem });
    else this.more++;
  }

  /** @returns what goes into the spool: the comparisons that are new */
  take(lines: readonly Line[]): string {
    let spooled = '';
    for (const { number, text } of lines) {
      if (text.trim() === '') continue;
      try {
        const row = parseRow({ key: KEY, line: number }, text);
        if (this.options.format !== 'plumbline') spooled += this.takeRow(this.options.format, row);
        else if (this.fileHeader === null) this.takeHeader(row);
        else spooled += this.takeComparison(this.fileHeader, row);
      } catch (error) {
        this.refuse(number, error);
      }
    }
    return spooled;
  }

  private takeHeader(row: JsonObject): void {
    this.fileHeader = checkPreferenceFileHeader(row);
  }

  private takeComparison(header: PreferenceFileHeader, row: JsonObject): string {
    this.rows++;
    const { model } = this.options;
    const comparison = checkJudgedComparison(row, header);
    this.judgementsRead += comparison.judgements.length;
    const texts = comparison.responses.map(({ text }) => text);
    const keepsTokens = model === null || header.tokenizer === model.tokenizerId;
    const content = keepsTokens ? comparison : tokenizeComparison(comparison.prompt, texts, model.tokenizer);
    return this.gather(content, comparison.judgements, comparison.split);
  }

  private takeRow(format: keyof typeof ROW_FORMATS, row: JsonObject): string {
    this.rows++;
    const { prompt, responses, judgement } = storable(ROW_FORMATS[format].read(row));
    const { model } = this.options;
    const content = model
      ? tokenizeComparison(prompt, responses, model.tokenizer)
      : withoutTokens(prompt, responses);
    if (!isIdentical(content)) return this.gather(content, [judgement], null);
    this.leftOut.identical++;
    return '';
  }

  private gather(
    whole: ComparisonContent,
    judgements: readonly RecordedJudgement[],
    split: JudgedComparison['split'] | null,
  ): string {
    const content = this.fitted(whole);
    if (content === null) return '';
    const { key, prompt, promptTokens, responses } = sealComparison('train', content);
    const known = this.comparisons.get(key);
    if (known) {
      known.judgements.push(...judgements);
      return '';
    }
    const promptHash = this.split.add(canonicalJson(prompt));
    this.comparisons.set(key, { promptHash, split, judgements: [...judgements] });
    const contents = responses.map(({ text, tokens }) => ({ text, tokens }));
    return `${JSON.stringify({ prompt, promptTokens, responses: contents })}\n`;
  }

  /** The comparison within the context; null when it is left out. @throws TooLongError */
  private fitted(content: ComparisonContent): ComparisonContent | null {
    const { model, longRows } = this.options;
    const context = model?.context ?? Infinity;
    const length = longestSequenceOf(content);
    if (length <= context) return content;
    if (longRows === 'refuse') {
      throw new TooLongError(
        `prompt and response have ${length} tokens, the model takes ${context} ` +
          '(--long-rows truncate cuts off the ends of responses, drop leaves such rows out)',
      );
    }
    const cut = longRows === 'truncate' ? truncated(content, context) : null;
    if (cut === null || isIdentical(cut)) {
      this.leftOut.long++;
      return null;
    }
    this.truncated += cut.responses.filter(
      ({ tokens }, index) => tokens.length < content.responses[index]!.tokens.length,
    ).length;
    return cut;
  }

  private refuse(line: number, error: unknown): void {
    if (error instanceof TooLongError) return this.report(line, error.message);
    const problem = problemOf(error);
    if (problem === null) throw error;
    const needed = this.options.format === 'plumbline' && this.fileHeader === null;
    if (this.options.malformedRows === 'refuse' || needed) this.report(line, problem);
    else this.leftOut.malformed++;
    // Without its header, nothing in the file can be understood.
    if (needed)
      throw new DataError({ key: KEY, line: line + 1 }, 'not read: the header before it is missing');
  }

  /** @throws PreferenceFileError, DataError */
  end(path: string, file: PreparedPreferences['file']): PreparedPreferences {
    const { rows, comparisons, fileHeader } = this;
    if (fileHeader !== null && this.problems.length === 0 && this.leftOut.malformed === 0) {
      const there = { comparisons: rows, judgements: this.judgementsRead };
      for (const name of ['comparisons', 'judgements'] as const) {
        if (there[name] !== fileHeader[name]) {
          this.report(
            1,
            `the header counts ${fileHeader[name]} ${name}, the file has ${there[name]}: it is not whole`,
          );
        }
      }
    }
    if (this.problems.length > 0) throw new PreferenceFileError(path, this.problems, this.more);
    const judgements = [...comparisons.values()].flatMap((gathered) => gathered.judgements);
    if (!judgements.some(({ outcome }) => outcome !== 'skipped')) {
      const { malformed, long, identical } = this.leftOut;
      const why =
        rows === 0
          ? 'no rows'
          : `no judgement is left of ${rows} rows (${malformed} malformed, ${long} too long, ${identical} of identical responses)`;
      throw new DataError({ key: KEY, path }, why);
    }
    const header: PreferenceFileHeader = {
      kind: 'plumbline-preferences',
      version: 1,
      tokenizer: this.options.model?.tokenizerId ?? fileHeader?.tokenizer ?? null,
      guidelines: fileHeader?.guidelines ?? [{ version: 1, text: UNKNOWN_GUIDELINE }],
      comparisons: comparisons.size,
      judgements: judgements.length,
    };
    const splits = [...comparisons.values()].map((gathered) => this.splitOf(gathered));
    const { spool } = this.options;
    return {
      header,
      file,
      rows,
      leftOut: this.leftOut,
      truncated: this.truncated,
      heldOut: splits.filter((split) => split === 'heldOut').length,
      lines: async function* () {
        yield `${canonicalJson(header)}\n`;
        const gathered = comparisons.values();
        let index = 0;
        for await (const lines of readLines(KEY, { path: spool, format: 'json-lines', gzipped: false })) {
          for (const { text } of lines) {
            const { judgements } = gathered.next().value!;
            const content = JSON.parse(text) as ComparisonContent;
            yield `${canonicalJson({ ...content, split: splits[index++]!, judgements })}\n`;
          }
        }
      },
    };
  }

  private splitOf({ promptHash, split }: Gathered): JudgedComparison['split'] {
    const { heldOut } = this.options;
    if (heldOut === null && split !== null) return split;
    if (heldOut === 0 || !this.split.isPossible) return 'train';
    return this.split.isHeldOut(promptHash) ? 'heldOut' : 'train';
  }
}

/** What is wrong with the row; null: something else is wrong. */
function problemOf(error: unknown): string | null {
  if (error instanceof DataError) return error.problem;
  if (error instanceof RowError) return error.message;
  if (error instanceof JudgementError) return `${error.path} ${error.message}`.trim();
  return null;
}

/** @throws JudgementError when something in the row cannot be kept */
function storable(row: PreferenceRow): PreferenceRow {
  for (const { parts } of row.prompt) for (const { text } of parts) checkText('the prompt', text);
  for (const text of row.responses) checkText('a response', text);
  const { labeler } = row.judgement;
  if (labeler !== undefined) checkPseudonym('the labeler', labeler);
  return row;
}
