/**
 * TRL's preference data: `{prompt, chosen, rejected}`, or `{chosen, rejected}` with the prompt in both, each of them a
 * string (standard) or a list of messages (conversational), and perhaps `margin`.
 * https://huggingface.co/docs/trl/dataset_formats#preference
 */
import type { JudgedComparison, Message, RecordedJudgement } from '@plumbline/contracts';
import {
  asChat,
  chatPrompt,
  documentPrompt,
  isConversation,
  message,
  promptText,
  readMessages,
  type ChatMessage,
} from './messages.js';
import {
  keysOf,
  optionalNumber,
  preferredPairs,
  preferredRow,
  RowError,
  type JsonObject,
  type RowFormat,
} from './preference-row.js';

export const trl: RowFormat = {
  read(row) {
    const { prompt, chosen, rejected } = readChosenAndRejected(row);
    return preferredRow(prompt, chosen, rejected, readMargin(row));
  },

  write(comparison: JudgedComparison, judgement: RecordedJudgement) {
    const { prompt, responses } = comparison;
    return preferredPairs(judgement).map(({ better, worse }): JsonObject => {
      const chosen = responses[better]!.text;
      const rejected = responses[worse]!.text;
      const margin = judgement.margin === undefined ? {} : { margin: judgement.margin };
      if (!isConversation(prompt)) return { prompt: promptText(prompt), chosen, rejected, ...margin };
      const answer = (content: string): ChatMessage[] => [{ role: 'assistant', content }];
      return { prompt: asChat(prompt), chosen: answer(chosen), rejected: answer(rejected), ...margin };
    });
  },
};

export interface ChosenAndRejected {
  readonly prompt: readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
}

/** @throws RowError */
export function readChosenAndRejected(row: JsonObject): ChosenAndRejected {
  const { prompt, chosen, rejected } = row;
  for (const key of ['chosen', 'rejected']) {
    if (row[key] === undefined) throw new RowError(`no key ${key} (${keysOf(row)})`);
  }
  const given = prompt === null ? undefined : prompt;
  if (typeof chosen === 'string' && typeof rejected === 'string') {
    if (given === undefined) return withoutSharedText(chosen, rejected);
    if (typeof given === 'string') return { prompt: documentPrompt(given), chosen, rejected };
    if (Array.isArray(given)) return { prompt: chatPrompt(readMessages(given, 'prompt')), chosen, rejected };
  } else if (Array.isArray(chosen) && Array.isArray(rejected)) {
    const [a, b] = [readMessages(chosen, 'chosen'), readMessages(rejected, 'rejected')];
    if (given === undefined) return withoutSharedMessages([], a, b);
    if (Array.isArray(given)) return withoutSharedMessages(readMessages(given, 'prompt'), a, b);
    // HuggingFaceH4/ultrafeedback_binarized: the prompt once more, beside conversations that have it.
    if (typeof given === 'string') {
      const repeated = a[0]!.role !== 'assistant';
      return withoutSharedMessages(repeated ? [] : [{ role: 'user', content: given }], a, b);
    }
  } else {
    throw new RowError('chosen and rejected must both be strings, or both be lists of messages');
  }
  throw new RowError('prompt must be a string or a list of messages');
}

/**
 * The prompt is what both begin with. Where they part in the middle of a word, the whole word belongs to the responses,
 * with the white space before it; TRL's own `extract_prompt` gives back one space only and may cut a word in two.
 */
function withoutSharedText(chosen: string, rejected: string): ChosenAndRejected {
  let end = 0;
  while (end < chosen.length && end < rejected.length && chosen[end] === rejected[end]) end++;
  const isWhite = (at: number): boolean => /\s/.test(chosen[at] ?? '');
  while (end > 0 && !isWhite(end - 1)) end--;
  while (end > 0 && isWhite(end - 1)) end--;
  return {
    prompt: documentPrompt(chosen.slice(0, end)),
    chosen: chosen.slice(end),
    rejected: rejected.slice(end),
  };
}

/** The prompt is `before` and the messages that both begin with; one message of the assistant has to be left of each. */
function withoutSharedMessages(
  before: readonly ChatMessage[],
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
): ChosenAndRejected {
  let shared = 0;
  const last = Math.min(chosen.length, rejected.length) - 1;
  while (shared < last && isSame(chosen[shared]!, rejected[shared]!)) shared++;
  const answer = (key: string, messages: readonly ChatMessage[]): string => {
    const left = messages.slice(shared);
    if (left.length === 1 && left[0]!.role === 'assistant') return left[0]!.content;
    throw new RowError(
      `${key} has ${left.length} messages (${left.map(({ role }) => role).join(', ')}) after those that chosen and ` +
        'rejected share; a response is one message of the assistant',
    );
  };
  const prompt = [...before, ...chosen.slice(0, shared)];
  if (prompt.length === 0) throw new RowError('chosen and rejected share no prompt');
  return {
    prompt: prompt.map(({ role, content }) => message(role, content)),
    chosen: answer('chosen', chosen),
    rejected: answer('rejected', rejected),
  };
}

function isSame(a: ChatMessage, b: ChatMessage): boolean {
  return a.role === b.role && a.content === b.content;
}

function readMargin(row: JsonObject): Pick<RecordedJudgement, 'margin'> {
  const margin = optionalNumber(row, 'margin');
  if (margin === null) return {};
  if (margin < 0) throw new RowError(`margin is ${margin}: it must be a number from 0`);
  return { margin };
}
