import type { JudgedComparison } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { checkJudgedComparison, checkPreferenceFileHeader } from './judged-comparison.js';
import { JudgementError } from './judgement.js';

const HEADER = {
  kind: 'plumbline-preferences',
  version: 1,
  tokenizer: 'a'.repeat(64),
  guidelines: [{ version: 1, text: 'Prefer the kinder.' }],
  comparisons: 1,
  judgements: 1,
} as const;

const COMPARISON: JudgedComparison = {
  prompt: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
  promptTokens: [1, 2],
  responses: [
    { text: 'a', tokens: [3] },
    { text: 'b', tokens: [4, 0] },
  ],
  split: 'train',
  judgements: [
    {
      outcome: 'ranked',
      ranks: [1, 2],
      confidence: 3,
      margin: 0.5,
      labeler: 'labeler-1',
      displayedOrder: [1, 0],
      guidelineVersion: 1,
      at: '2026-01-31T12:00:00.000Z',
      durationMs: 900,
    },
    { outcome: 'tie', ranks: [], confidence: 5 },
    { outcome: 'skipped', ranks: [], reason: 'too alike' },
  ],
};

function problem(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    if (error instanceof JudgementError) return `${error.path} ${error.message}`.trim();
    throw error;
  }
  throw new Error('it was not refused');
}

/** The comparison with its first judgement changed. */
const judgement = (change: object) => ({
  ...COMPARISON,
  judgements: [{ ...COMPARISON.judgements[0], ...change }],
});

describe('a judged comparison', () => {
  it('is taken as it is', () => {
    expect(checkJudgedComparison(structuredClone(COMPARISON), HEADER)).toEqual(COMPARISON);
  });

  it.each<[unknown, string]>([
    [null, 'must be an object'],
    [{ ...COMPARISON, split: 'test' }, 'split must be train or heldOut'],
    [{ ...COMPARISON, note: '' }, 'note is not a field of this format'],
    [{ ...COMPARISON, responses: COMPARISON.responses.slice(1) }, 'responses must have at least 2'],
    [{ ...COMPARISON, responses: ['a', 'b'] }, 'responses[0] must be an object'],
    [{ ...COMPARISON, promptTokens: [-1] }, 'promptTokens must be whole numbers from 0'],
    [{ ...COMPARISON, promptTokens: [] }, 'promptTokens must have at least 1'],
    [{ ...COMPARISON, prompt: [{ role: 'tool', parts: [] }] }, 'prompt[0].role must be one of'],
    [{ ...COMPARISON, judgements: [] }, 'judgements must have at least 1'],
    [judgement({ outcome: 'best' }), 'judgements[0].outcome must be one of ranked, tie, both_bad, skipped'],
    [judgement({ ranks: [1] }), 'judgements[0].ranks must be 2, one for each response'],
    [judgement({ ranks: [1, 3] }), 'judgements[0].ranks[1] must be a whole number from 1 to 2'],
    [judgement({ ranks: [2, 2] }), 'judgements[0].ranks must count 1, 2, … without gaps'],
    [judgement({ ranks: [1, 1] }), 'judgements[0].ranks are all equal: the outcome is tie'],
    [judgement({ outcome: 'tie' }), 'judgements[0].ranks must be empty when the outcome is tie'],
    [
      judgement({ confidence: 7 }),
      'judgements[0].confidence 7 is on the side of the second response, the choice is not',
    ],
    [judgement({ outcome: 'tie', ranks: [] }), 'judgements[0].confidence of a tie must be 5'],
    [judgement({ outcome: 'both_bad', ranks: [] }), 'judgements[0].confidence is for a choice between two'],
    [judgement({ margin: -1 }), 'judgements[0].margin must be a number from 0'],
    [judgement({ labeler: 'ann@example.org' }), 'judgements[0].labeler is an e-mail address'],
    [judgement({ labeler: ' ' }), 'judgements[0].labeler must be 1 to 200 characters'],
    [judgement({ displayedOrder: [0, 0] }), 'judgements[0].displayedOrder must have each of 0 to 1 once'],
    [
      judgement({ guidelineVersion: 2 }),
      "judgements[0].guidelineVersion 2 is not among the header's guidelines",
    ],
    [judgement({ at: '2026-01-31' }), 'judgements[0].at must be a time such as'],
    [judgement({ at: '+275760-09-13T00:00:00.000Z' }), 'judgements[0].at must be a time such as'],
    [judgement({ durationMs: 1.5 }), 'judgements[0].durationMs must be a whole number from 0'],
    [judgement({ reason: 'x' }), 'judgements[0].reason is for what was skipped'],
  ])('is refused: %j', (value, message) => {
    expect(problem(() => checkJudgedComparison(value, HEADER))).toContain(message);
  });

  it.each<[string, string]>([
    ['\0', 'has the character U+0000'],
    ['\ud83d', 'has half of a surrogate pair'],
  ])('is refused with a text that cannot be stored', (text, message) => {
    const responses = [{ text, tokens: [1] }, COMPARISON.responses[1]];
    const said = problem(() => checkJudgedComparison({ ...COMPARISON, responses }, HEADER));
    expect(said).toContain(`responses[0].text ${message}`);
  });

  it('has tokens exactly where the header names their tokenizer', () => {
    const header = { ...HEADER, tokenizer: null };
    expect(problem(() => checkJudgedComparison(COMPARISON, header))).toMatch(/tokens must be empty/i);
    const responses = COMPARISON.responses.map(({ text }) => ({ text, tokens: [] }));
    const textsOnly = { ...COMPARISON, promptTokens: [], responses };
    expect(checkJudgedComparison(textsOnly, header)).toEqual(textsOnly);
  });
});

describe('the header of a preference file', () => {
  it('is taken as it is', () => {
    expect(checkPreferenceFileHeader(structuredClone(HEADER))).toEqual(HEADER);
  });

  it.each<[unknown, string]>([
    [{ prompt: 'x', chosen: 'y', rejected: 'z' }, 'kind is missing'],
    [{ ...HEADER, kind: 'other' }, 'kind the first line must be the header'],
    [{ ...HEADER, version: 2 }, 'version must be 1'],
    [{ ...HEADER, tokenizer: 'gpt2' }, 'tokenizer must be an artifact id or null'],
    [{ ...HEADER, guidelines: [] }, 'guidelines must have at least 1'],
    [
      { ...HEADER, guidelines: [HEADER.guidelines[0], HEADER.guidelines[0]] },
      'guidelines[1].version 1 is there twice',
    ],
    [{ ...HEADER, comparisons: -1 }, 'comparisons must be a whole number from 0'],
  ])('is refused: %j', (value, message) => {
    expect(problem(() => checkPreferenceFileHeader(value))).toContain(message);
  });
});
