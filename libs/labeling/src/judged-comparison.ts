import {
  OUTCOMES,
  type JudgedComparison,
  type Message,
  type PreferenceFileHeader,
  type RecordedJudgement,
} from '@plumbline/contracts';
import { JudgementError } from './judgement.js';

/** A labeler's name for a comparison's judgement is kept for ever: nothing that says who it is. */
const MAXIMUM_LABELER_LENGTH = 200;
const MAXIMUM_RESPONSES = 64;
const ROLES: readonly Message['role'][] = ['system', 'user', 'assistant', 'document'];
const TOKENIZER = /^[0-9a-f]{64}$/;

/**
 * Checks what claims to be a comparison with its judgements, as it comes from outside.
 *
 * @param header of the file that it is in: its guidelines are those that judgements may name, and its tokenizer says
 *   whether there are tokens
 * @returns the comparison with nothing beside what it may have
 * @throws JudgementError naming the field at fault
 */
export function checkJudgedComparison(
  value: unknown,
  header: Pick<PreferenceFileHeader, 'guidelines' | 'tokenizer'>,
): JudgedComparison {
  const checkTokens = header.tokenizer === null ? checkNoTokens : checkSomeTokens;
  const { prompt, promptTokens, responses, split, judgements } = record('', value, [
    'prompt',
    'promptTokens',
    'responses',
    'split',
    'judgements',
  ]);
  if (split !== 'train' && split !== 'heldOut') fail('split', 'must be train or heldOut');
  const checkedResponses = list('responses', responses, 2, MAXIMUM_RESPONSES).map((response, index) => {
    const path = `responses[${index}]`;
    const { text, tokens } = record(path, response, ['text', 'tokens']);
    return { text: checkText(`${path}.text`, text), tokens: checkTokens(`${path}.tokens`, tokens) };
  });
  const checkedPrompt = list('prompt', prompt, 0).map((message, index) =>
    checkMessage(`prompt[${index}]`, message),
  );
  return {
    prompt: checkedPrompt,
    promptTokens: checkTokens('promptTokens', promptTokens),
    responses: checkedResponses,
    split,
    judgements: list('judgements', judgements, 1).map((judgement, index) =>
      checkJudgement(`judgements[${index}]`, judgement, checkedResponses.length, header.guidelines),
    ),
  };
}

/** @throws JudgementError naming the field at fault */
export function checkPreferenceFileHeader(value: unknown): PreferenceFileHeader {
  const { kind, version, tokenizer, guidelines, comparisons, judgements } = record('', value, [
    'kind',
    'version',
    'tokenizer',
    'guidelines',
    'comparisons',
    'judgements',
  ]);
  if (kind !== 'plumbline-preferences') {
    fail('kind', 'the first line must be the header of a Plumbline preference file (plumbline-preferences)');
  }
  if (version !== 1) fail('version', 'must be 1, the only one there is');
  if (tokenizer !== null && !(typeof tokenizer === 'string' && TOKENIZER.test(tokenizer))) {
    fail('tokenizer', 'must be an artifact id or null');
  }
  const known = new Set<number>();
  const checkedGuidelines = list('guidelines', guidelines, 1).map((guideline, index) => {
    const path = `guidelines[${index}]`;
    const { version: number, text } = record(path, guideline, ['version', 'text']);
    const checked = wholeNumber(`${path}.version`, number, 1);
    if (known.has(checked)) fail(`${path}.version`, `${checked} is there twice`);
    known.add(checked);
    return { version: checked, text: checkText(`${path}.text`, text) };
  });
  return {
    kind,
    version,
    tokenizer,
    guidelines: checkedGuidelines,
    comparisons: wholeNumber('comparisons', comparisons, 0),
    judgements: wholeNumber('judgements', judgements, 0),
  };
}

/**
 * Whether a text can be kept: Postgres stores neither U+0000 nor half of a surrogate pair.
 * @throws JudgementError naming the field
 */
export function checkText(path: string, value: unknown): string {
  if (typeof value !== 'string') fail(path, 'must be a string');
  if (value.includes('\0')) fail(path, 'has the character U+0000, which cannot be stored');
  if (LONE_SURROGATE.test(value)) fail(path, 'has half of a surrogate pair, which cannot be stored');
  return value;
}

/** With the `u` flag a pair is one character, so what is left are halves. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a labeler's name can be kept: a pseudonym of visible characters, no e-mail address.
 * @throws JudgementError naming the field
 */
export function checkPseudonym(path: string, value: unknown): string {
  const name = checkText(path, value);
  if (name.trim() === '' || name.length > MAXIMUM_LABELER_LENGTH || /\p{Cc}/u.test(name)) {
    fail(path, `must be 1 to ${MAXIMUM_LABELER_LENGTH} characters, none of them a control character`);
  }
  if (/\S@\S+\.\S/.test(name)) {
    fail(path, 'is an e-mail address; judgements are kept for ever, so give labelers pseudonyms');
  }
  return name;
}

/**
 * Confidence on the 9-point scale has to be on the side that the ranks are on.
 * @throws JudgementError naming the field
 */
export function checkConfidence(
  path: string,
  value: unknown,
  { outcome, ranks }: Pick<RecordedJudgement, 'outcome' | 'ranks'>,
): number {
  const confidence = wholeNumber(path, value, 1, 9);
  if (outcome === 'tie' ? confidence !== 5 : outcome !== 'ranked' || ranks.length !== 2) {
    fail(path, outcome === 'tie' ? 'of a tie must be 5' : 'is for a choice between two responses');
  }
  const [first = 0, second = 0] = ranks;
  if ((confidence < 5 && first > second) || (confidence > 5 && first < second)) {
    fail(
      path,
      `${confidence} is on the side of the ${confidence < 5 ? 'first' : 'second'} response, the choice is not`,
    );
  }
  return confidence;
}

function checkMessage(path: string, value: unknown): Message {
  const { role, parts } = record(path, value, ['role', 'parts']);
  if (!ROLES.includes(role as Message['role'])) fail(`${path}.role`, `must be one of ${ROLES.join(', ')}`);
  return {
    role: role as Message['role'],
    parts: list(`${path}.parts`, parts, 1).map((part, index) => {
      const { type, text } = record(`${path}.parts[${index}]`, part, ['type', 'text']);
      if (type !== 'text') fail(`${path}.parts[${index}].type`, 'must be text');
      return { type, text: checkText(`${path}.parts[${index}].text`, text) };
    }),
  };
}

const OPTIONAL_FIELDS = [
  'confidence',
  'margin',
  'labeler',
  'displayedOrder',
  'guidelineVersion',
  'at',
  'durationMs',
  'reason',
] as const satisfies readonly (keyof RecordedJudgement)[];

function checkJudgement(
  path: string,
  value: unknown,
  responses: number,
  guidelines: PreferenceFileHeader['guidelines'],
): RecordedJudgement {
  const fields = record(path, value, ['outcome', 'ranks'], OPTIONAL_FIELDS);
  const at = (name: string): string => `${path}.${name}`;
  const outcome = OUTCOMES.find((known) => known === fields['outcome']);
  if (outcome === undefined) fail(at('outcome'), `must be one of ${OUTCOMES.join(', ')}`);
  const ranks = checkRanks(at('ranks'), fields['ranks'], outcome, responses);
  const {
    confidence,
    margin,
    labeler,
    displayedOrder,
    guidelineVersion,
    at: time,
    durationMs,
    reason,
  } = fields;
  return {
    outcome,
    ranks,
    ...(confidence !== undefined && {
      confidence: checkConfidence(at('confidence'), confidence, { outcome, ranks }),
    }),
    ...(margin !== undefined && { margin: checkMargin(at('margin'), margin, { outcome, ranks }) }),
    ...(labeler !== undefined && { labeler: checkPseudonym(at('labeler'), labeler) }),
    ...(displayedOrder !== undefined && {
      displayedOrder: checkOrder(at('displayedOrder'), displayedOrder, responses),
    }),
    ...(guidelineVersion !== undefined && {
      guidelineVersion: checkGuideline(at('guidelineVersion'), guidelineVersion, guidelines),
    }),
    ...(time !== undefined && { at: checkTime(at('at'), time) }),
    ...(durationMs !== undefined && { durationMs: wholeNumber(at('durationMs'), durationMs, 0) }),
    ...(reason !== undefined && { reason: checkReason(at('reason'), reason, outcome) }),
  };
}

function checkRanks(
  path: string,
  value: unknown,
  outcome: RecordedJudgement['outcome'],
  responses: number,
): readonly number[] {
  const ranks = list(path, value, 0).map((rank, index) =>
    wholeNumber(`${path}[${index}]`, rank, 1, responses),
  );
  if (outcome !== 'ranked') {
    if (ranks.length > 0) fail(path, `must be empty when the outcome is ${outcome}`);
    return ranks;
  }
  if (ranks.length !== responses) fail(path, `must be ${responses}, one for each response`);
  const distinct = [...new Set(ranks)].sort((a, b) => a - b);
  if (distinct.some((rank, index) => rank !== index + 1)) fail(path, 'must count 1, 2, … without gaps');
  if (distinct.length === 1) fail(path, 'are all equal: the outcome is tie');
  return ranks;
}

/** @throws JudgementError naming the field */
export function checkMargin(
  path: string,
  value: unknown,
  { outcome, ranks }: Pick<RecordedJudgement, 'outcome' | 'ranks'>,
): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    fail(path, 'must be a number from 0');
  }
  if (outcome !== 'ranked' || ranks.length !== 2) fail(path, 'is for a choice between two responses');
  return value;
}

function checkOrder(path: string, value: unknown, responses: number): readonly number[] {
  const order = list(path, value, 0).map((position, index) =>
    wholeNumber(`${path}[${index}]`, position, 0, responses - 1),
  );
  if (order.length !== responses || new Set(order).size !== responses) {
    fail(path, `must have each of 0 to ${responses - 1} once`);
  }
  return order;
}

function checkGuideline(
  path: string,
  value: unknown,
  guidelines: PreferenceFileHeader['guidelines'],
): number {
  const version = wholeNumber(path, value, 1);
  if (!guidelines.some((known) => known.version === version))
    fail(path, `${version} is not among the header's guidelines`);
  return version;
}

function checkTime(path: string, value: unknown): string {
  const time = typeof value === 'string' ? new Date(value) : null;
  if (
    time === null ||
    Number.isNaN(time.getTime()) ||
    time.toISOString() !== value ||
    !/^[1-9]\d{3}-/.test(value)
  ) {
    fail(path, 'must be a time such as 2026-01-31T12:00:00.000Z');
  }
  return time.toISOString();
}

function checkReason(path: string, value: unknown, outcome: RecordedJudgement['outcome']): string {
  if (outcome !== 'skipped') fail(path, 'is for what was skipped');
  return checkText(path, value);
}

function checkNoTokens(path: string, value: unknown): readonly number[] {
  if (list(path, value, 0).length > 0) fail(path, 'must be empty: the header names no tokenizer');
  return [];
}

function checkSomeTokens(path: string, value: unknown): readonly number[] {
  const tokens = list(path, value, 1);
  if (!tokens.every((token) => Number.isInteger(token) && (token as number) >= 0)) {
    fail(path, 'must be whole numbers from 0');
  }
  return tokens as number[];
}

function wholeNumber(path: string, value: unknown, minimum: number, maximum = 2 ** 31 - 1): number {
  if (!Number.isInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    const limits = maximum === 2 ** 31 - 1 ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
    fail(path, `must be a whole number ${limits}`);
  }
  return value as number;
}

function list(path: string, value: unknown, minimum: number, maximum = Infinity): readonly unknown[] {
  if (!Array.isArray(value)) fail(path, 'must be a list');
  if (value.length < minimum) fail(path, `must have at least ${minimum}`);
  if (value.length > maximum) fail(path, `must have at most ${maximum}`);
  return value as readonly unknown[];
}

/** An object that has all of these keys, perhaps the optional ones, and no others. */
function record(
  path: string,
  value: unknown,
  keys: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(path, 'must be an object');
  }
  const fields = value as Record<string, unknown>;
  for (const key of keys) {
    if (!Object.hasOwn(fields, key)) fail(path === '' ? key : `${path}.${key}`, 'is missing');
  }
  for (const key of Object.keys(fields)) {
    if (!keys.includes(key) && !optional.includes(key)) {
      fail(path === '' ? key : `${path}.${key}`, 'is not a field of this format');
    }
  }
  return fields;
}

function fail(path: string, message: string): never {
  throw new JudgementError(path, message);
}
