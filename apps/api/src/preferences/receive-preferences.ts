/** An upload of preferences: checked to its last line before anything is stored. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { sealComparison } from '@plumbline/artifacts';
import type {
  JudgedComparison,
  PreferenceFileHeader,
  PreferenceRecord,
  RecordedJudgement,
  SampledComparison,
} from '@plumbline/contracts';
import type { ImportedComparison } from '@plumbline/database';
import { checkJudgedComparison, checkPreferenceFileHeader, JudgementError } from '@plumbline/labeling';
import { ProblemError } from '../problems/problem.js';

const MAXIMUM_UPLOAD_BYTES = 4 * 2 ** 30;
/** Well below the longest string that V8 can hold. */
const MAXIMUM_LINE_BYTES = 2 ** 26;
const NEWLINE = 10;

/** What limits tokens. */
export interface UploadLimits {
  readonly tokenizer: string;
  /** The most tokens of a prompt with a response. */
  readonly context: number;
  readonly vocabulary: number;
}

export interface ReceivedPreferences {
  readonly header: PreferenceFileHeader;
  /** SHA-256 over the upload. */
  readonly contentHash: string;
  readonly heldOut: number;
  /** Lines of the snapshot, in its order: skips are not among them. */
  readonly preferences: readonly PreferenceRecord[];
  /** In the order of the upload. */
  judged(): AsyncGenerator<ImportedComparison>;
  comparisons(): AsyncGenerator<SampledComparison>;
}

/**
 * Reads a Plumbline preference file, a line at a time, and keeps it in `spool`.
 * @param limits of the model that the tokens were made for; null: for none
 * @throws ProblemError `invalid-request` naming line and field
 */
export async function receivePreferences(
  upload: Readable,
  spool: string,
  limits: UploadLimits | null,
): Promise<ReceivedPreferences> {
  const file = await open(spool, 'wx');
  const hash = createHash('sha256');
  const checking = new Checking(limits);
  const kept = async function* (): AsyncGenerator<Buffer> {
    let bytes = 0;
    // Not destroyed where this breaks off: the answer goes over the same connection.
    const chunks = upload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAXIMUM_UPLOAD_BYTES) {
        throw refused(null, `the upload is larger than ${MAXIMUM_UPLOAD_BYTES} bytes`);
      }
      hash.update(chunk);
      await file.writeFile(chunk);
      yield chunk;
    }
  };
  try {
    for await (const line of linesOf(kept())) checking.take(line);
  } finally {
    await file.close();
  }
  const { header, preferences, heldOut } = checking.end();
  const judged = () => readSpool(spool);
  return {
    header,
    contentHash: hash.digest('hex'),
    heldOut,
    preferences,
    judged,
    comparisons: async function* () {
      for await (const { comparison } of judged()) yield comparison;
    },
  };
}

async function* readSpool(path: string): AsyncGenerator<ImportedComparison> {
  let first = true;
  for await (const line of linesOf(createReadStream(path))) {
    if (!first) {
      const { split, judgements, ...content } = JSON.parse(line.toString('utf8')) as JudgedComparison;
      yield { comparison: sealComparison(split, content), judgements };
    }
    first = false;
  }
}

/** Lines without their ends. (Node's readline takes U+2028 for the end of one, which JSON has in its strings.) */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...pending, chunk.subarray(start, end)]);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > MAXIMUM_LINE_BYTES) {
      throw refused(null, `a line is longer than ${MAXIMUM_LINE_BYTES} bytes`);
    }
  }
  if (pendingBytes > 0) yield Buffer.concat(pending);
}

class Checking {
  private line = 0;
  private header: PreferenceFileHeader | null = null;
  private readonly keys = new Set<string>();
  private readonly preferences: PreferenceRecord[] = [];
  private judgements = 0;
  private heldOut = 0;

  constructor(private readonly limits: UploadLimits | null) {}

  take(bytes: Buffer): void {
    this.line++;
    try {
      const value: unknown = JSON.parse(bytes.toString('utf8'));
      if (this.header === null) this.takeHeader(checkPreferenceFileHeader(value));
      else this.takeComparison(checkJudgedComparison(value, this.header));
    } catch (error) {
      if (error instanceof JudgementError) throw refused(this.line, `${error.path} ${error.message}`);
      if (error instanceof SyntaxError) throw refused(this.line, 'not JSON');
      throw error;
    }
  }

  private takeHeader(header: PreferenceFileHeader): void {
    if (this.limits !== null && header.tokenizer !== this.limits.tokenizer) {
      throw new JudgementError('tokenizer', `must be the model's, ${this.limits.tokenizer}`);
    }
    this.header = header;
  }

  private takeComparison(judged: JudgedComparison): void {
    const { split, judgements } = judged;
    if (this.limits !== null) checkTokens(judged, this.limits);
    const { key } = sealComparison(split, judged);
    if (this.keys.has(key)) throw new JudgementError('', 'the comparison is there twice');
    this.keys.add(key);
    if (split === 'heldOut') this.heldOut++;
    this.judgements += judgements.length;
    judgements.forEach((judgement, ordinal) => {
      const record = preferenceRecord(key, ordinal, judgement);
      if (record !== null) this.preferences.push(record);
    });
  }

  end(): { header: PreferenceFileHeader; preferences: readonly PreferenceRecord[]; heldOut: number } {
    const { header, preferences, heldOut } = this;
    if (header === null) throw refused(null, 'the upload is empty');
    if (header.comparisons !== this.keys.size || header.judgements !== this.judgements) {
      throw refused(
        null,
        `the upload is not whole: its header counts ${header.comparisons} comparisons and ${header.judgements} judgements, ` +
          `there are ${this.keys.size} and ${this.judgements}`,
      );
    }
    if (preferences.length === 0) throw refused(null, 'there is no judgement in it');
    preferences.sort((a, b) =>
      a.comparison === b.comparison ? a.ordinal - b.ordinal : a.comparison < b.comparison ? -1 : 1,
    );
    return { header, preferences, heldOut };
  }
}

function checkTokens(
  { promptTokens, responses }: JudgedComparison,
  { context, vocabulary }: UploadLimits,
): void {
  for (const [index, { tokens }] of responses.entries()) {
    const length = promptTokens.length + tokens.length;
    if (length > context) {
      throw new JudgementError(
        `responses[${index}].tokens`,
        `and the prompt's are ${length}, the model takes ${context}`,
      );
    }
  }
  const sequences = [promptTokens, ...responses.map(({ tokens }) => tokens)];
  if (sequences.some((tokens) => tokens.some((token) => token >= vocabulary))) {
    throw new JudgementError('', `a token is not below the model's vocabulary of ${vocabulary}`);
  }
}

/** What training reads of a judgement; null of one that was skipped. */
function preferenceRecord(
  comparison: string,
  ordinal: number,
  judgement: RecordedJudgement,
): PreferenceRecord | null {
  const { outcome, ranks, confidence, margin, labeler } = judgement;
  if (outcome === 'skipped') return null;
  return {
    comparison,
    ordinal,
    outcome,
    ranks,
    ...(confidence !== undefined && { confidence }),
    ...(margin !== undefined && { margin }),
    ...(labeler !== undefined && { labeler }),
  };
}

function refused(line: number | null, problem: string): ProblemError {
  const path = line === null ? '' : `line ${line}`;
  const message = problem.trim();
  return new ProblemError('invalid-request', line === null ? message : `${path}: ${message}`, [
    { path, message },
  ]);
}
