/**
 * Anthropic's hh-rlhf: `{chosen, rejected}`, two transcripts of "\n\nHuman: …\n\nAssistant: …" that begin alike.
 * https://github.com/anthropics/hh-rlhf
 */
import type { JudgedComparison, RecordedJudgement } from '@plumbline/contracts';
import { asChat, chatPrompt, type ChatMessage } from './messages.js';
import { preferredPairs, preferredRow, RowError, stringOf, type RowFormat } from './preference-row.js';

const SPEAKERS = { Human: 'user', Assistant: 'assistant' } as const;
const TURN = /\n\n(Human|Assistant):/g;

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
  /** Where the content starts in the transcript. */
  readonly start: number;
}

export const hh: RowFormat = {
  /**
   * The prompt is the turns that both share; a response starts with the first turn of the assistant that differs. A few
   * transcripts part before their last turn: what follows is the rest of the response, as it stands there.
   */
  read(row) {
    const chosen = stringOf(row, 'chosen');
    const rejected = stringOf(row, 'rejected');
    const [a, b] = [turnsOf('chosen', chosen), turnsOf('rejected', rejected)];
    let shared = 0;
    const last = Math.min(a.length, b.length) - 1;
    while (
      shared < last &&
      a[shared]!.role === b[shared]!.role &&
      a[shared]!.content === b[shared]!.content
    ) {
      shared++;
    }
    while (shared > 0 && (a[shared]!.role !== 'assistant' || b[shared]!.role !== 'assistant')) shared--;
    if (shared === 0) {
      throw new RowError('chosen and rejected share no prompt that an Assistant turn of each answers');
    }
    const prompt = chatPrompt(a.slice(0, shared));
    return preferredRow(prompt, chosen.slice(a[shared]!.start), rejected.slice(b[shared]!.start));
  },

  write({ prompt, responses }: JudgedComparison, judgement: RecordedJudgement) {
    const before = transcriptOf(asChat(prompt));
    return preferredPairs(judgement).map(({ better, worse }) => ({
      chosen: `${before}\n\nAssistant: ${responses[better]!.text}`,
      rejected: `${before}\n\nAssistant: ${responses[worse]!.text}`,
    }));
  },
};

function turnsOf(key: string, transcript: string): Turn[] {
  const heads = [...transcript.matchAll(TURN)];
  if (heads.length === 0 || transcript.slice(0, heads[0]!.index).trim() !== '') {
    throw new RowError(`${key} must be a transcript that begins with "\\n\\nHuman:"`);
  }
  return heads.map((head, index) => {
    const end = heads[index + 1]?.index ?? transcript.length;
    const afterColon = head.index + head[0].length;
    const start = Math.min(end, transcript[afterColon] === ' ' ? afterColon + 1 : afterColon);
    return {
      role: SPEAKERS[head[1] as keyof typeof SPEAKERS],
      content: transcript.slice(start, end),
      start,
    };
  });
}

/** The format has no system messages: what they say comes before what the human says next. */
function transcriptOf(messages: readonly ChatMessage[]): string {
  let transcript = '';
  let instructions = '';
  for (const { role, content } of messages) {
    if (role === 'system') instructions += `${content}\n\n`;
    else {
      transcript += `\n\n${role === 'user' ? 'Human' : 'Assistant'}: ${instructions}${content}`;
      instructions = '';
    }
  }
  return instructions === '' ? transcript : `${transcript}\n\nHuman: ${instructions.trimEnd()}`;
}
