import type { JudgedComparison, PreferenceFormatName, RecordedJudgement } from '@plumbline/contracts';
import { JudgementError } from '@plumbline/labeling';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROW_FORMATS } from './formats.js';
import { chatPrompt, documentPrompt, type ChatMessage } from './messages.js';
import { inCanonicalOrder, type JsonObject, type PreferenceRow } from './preference-row.js';

type RowFormatName = Exclude<PreferenceFormatName, 'plumbline'>;

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

/** What a row says, without the order that its responses are in: rank of each text. */
function said(format: RowFormatName, row: JsonObject) {
  const { prompt, responses, judgement } = ROW_FORMATS[format].read(row);
  return {
    prompt: prompt.map(({ role, parts }) => [role, parts.map(({ text }) => text).join('')]),
    ranks: Object.fromEntries(responses.map((text, at) => [text, judgement.ranks[at] ?? null])),
    judgement,
  };
}

function refusal(format: RowFormatName, row: JsonObject): string {
  try {
    ROW_FORMATS[format].read(row);
  } catch (error) {
    return error instanceof JudgementError ? `${error.path} ${error.message}` : (error as Error).message;
  }
  throw new Error('the row was not refused');
}

describe('TRL preference rows', () => {
  const SKY = { ' blue.': 1, ' green.': 2 };

  it.each<[string, JsonObject]>([
    ['explicit', { prompt: 'The sky is', chosen: ' blue.', rejected: ' green.' }],
    ['implicit', { chosen: 'The sky is blue.', rejected: 'The sky is green.' }],
    [
      'implicit, with a null prompt',
      { prompt: null, chosen: 'The sky is blue.', rejected: 'The sky is green.' },
    ],
  ])('standard, %s prompt', (_, row) => {
    expect(said('trl', row)).toMatchObject({ prompt: [['document', 'The sky is']], ranks: SKY });
  });

  it('gives a word that differs in its middle to the responses whole', () => {
    const row = { chosen: 'It was redder  than', rejected: 'It was redded so' };
    expect(said('trl', row)).toMatchObject({
      prompt: [['document', 'It was']],
      ranks: { ' redder  than': 1, ' redded so': 2 },
    });
  });

  it('takes a response that goes on where the other ends', () => {
    const row = { chosen: 'It was red', rejected: 'It was red indeed' };
    expect(said('trl', row).ranks).toEqual({ ' red': 1, ' red indeed': 2 });
  });

  const QUESTION = user('What colour is the sky?');
  it.each<[string, JsonObject]>([
    ['explicit', { prompt: [QUESTION], chosen: [assistant('Blue.')], rejected: [assistant('Green.')] }],
    ['implicit', { chosen: [QUESTION, assistant('Blue.')], rejected: [QUESTION, assistant('Green.')] }],
    [
      'given twice, once as a string (HuggingFaceH4)',
      {
        prompt: QUESTION.content,
        chosen: [QUESTION, assistant('Blue.')],
        rejected: [QUESTION, assistant('Green.')],
      },
    ],
    [
      'a string before messages of the assistant alone',
      { prompt: QUESTION.content, chosen: [assistant('Blue.')], rejected: [assistant('Green.')] },
    ],
    [
      'with content in parts',
      {
        prompt: [{ role: 'user', content: [{ type: 'text', text: QUESTION.content }] }],
        chosen: [assistant('Blue.')],
        rejected: [assistant('Green.')],
      },
    ],
  ])('conversational, prompt %s', (_, row) => {
    expect(said('trl', row)).toMatchObject({
      prompt: [['user', QUESTION.content]],
      ranks: { 'Blue.': 1, 'Green.': 2 },
    });
  });

  it('keeps a system message and earlier turns in the prompt', () => {
    const before = [{ role: 'system', content: 'Be brief.' }, user('Hi'), assistant('Hello.'), QUESTION];
    const row = { chosen: [...before, assistant('Blue.')], rejected: [...before, assistant('Green.')] };
    expect(said('trl', row).prompt.map(([role]) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  });

  it('reads a margin, and leaves scores and other columns alone', () => {
    const row = {
      prompt: 'a',
      chosen: 'b',
      rejected: 'c',
      margin: 0.75,
      score_chosen: 8,
      score_rejected: 7,
      id: 3,
    };
    expect(said('trl', row).judgement).toEqual({
      outcome: 'ranked',
      ranks: expect.arrayContaining([1, 2]) as number[],
      margin: 0.75,
    });
    expect(said('trl', { ...row, margin: null }).judgement).not.toHaveProperty('margin');
  });

  it.each<[JsonObject, RegExp]>([
    [{ prompt: 'a', chosen: 'b' }, /no key rejected .*prompt, chosen/],
    [{ chosen: 'b', rejected: ['c'] }, /both be strings, or both be lists/],
    [{ prompt: 7, chosen: 'b', rejected: 'c' }, /prompt must be a string or a list/],
    [{ chosen: [user('x')], rejected: [] }, /rejected must be a list of messages/],
    [{ chosen: [{ role: 'tool', content: 'x' }], rejected: [assistant('y')] }, /chosen\[0\]\.role must be/],
    [
      { prompt: [{ role: 'user' }], chosen: [assistant('x')], rejected: [assistant('y')] },
      /prompt\[0\]\.content/,
    ],
    [{ chosen: [assistant('x')], rejected: [assistant('y')] }, /share no prompt/],
    [
      {
        prompt: [user('x')],
        chosen: [assistant('a'), user('b'), assistant('c')],
        rejected: [assistant('d')],
      },
      /chosen has 3 messages \(assistant, user, assistant\)/,
    ],
    [{ prompt: 'a', chosen: 'b', rejected: 'c', margin: -1 }, /margin is -1/],
    [{ prompt: 'a', chosen: 'b', rejected: 'c', margin: 'wide' }, /margin must be a number/],
  ])('refuses %j', (row, message) => {
    expect(refusal('trl', row)).toMatch(message);
  });
});

describe('hh-rlhf rows', () => {
  const BEFORE = '\n\nHuman: Can I eat this?\n\nAssistant: What is it?\n\nHuman: A fig.\n\nAssistant:';

  it('takes the turns that both share as the prompt', () => {
    const row = { chosen: `${BEFORE} Yes, it is ripe.`, rejected: `${BEFORE} No idea.` };
    expect(said('hh', row)).toMatchObject({
      prompt: [
        ['user', 'Can I eat this?'],
        ['assistant', 'What is it?'],
        ['user', 'A fig.'],
      ],
      ranks: { 'Yes, it is ripe.': 1, 'No idea.': 2 },
    });
  });

  it('takes a response that says nothing', () => {
    expect(said('hh', { chosen: `${BEFORE} Yes.`, rejected: BEFORE }).ranks).toEqual({ 'Yes.': 1, '': 2 });
  });

  it('leaves transcripts that part before their last turn as they stand', () => {
    const first = '\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Bye\n\nAssistant: Bye.';
    const second = '\n\nHuman: Hi\n\nAssistant: What?\n\nHuman: Nothing';
    expect(said('hh', { chosen: first, rejected: second })).toMatchObject({
      prompt: [['user', 'Hi']],
      ranks: { 'Hello.\n\nHuman: Bye\n\nAssistant: Bye.': 1, 'What?\n\nHuman: Nothing': 2 },
    });
  });

  it.each<[JsonObject, RegExp]>([
    [{ chosen: BEFORE }, /no key rejected/],
    [{ chosen: 'Yes.', rejected: 'No.' }, /chosen must be a transcript/],
    [{ chosen: '\n\nHuman: a\n\nAssistant: b', rejected: '\n\nHuman: c\n\nAssistant: d' }, /share no prompt/],
    [{ chosen: '\n\nHuman: a', rejected: '\n\nHuman: a' }, /share no prompt/],
  ])('refuses %j', (row, message) => {
    expect(refusal('hh', row)).toMatch(message);
  });

  it('writes a system message before what the human says', () => {
    const comparison = judged(
      chatPrompt([
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
      ]),
      ['a', 'b'],
      {
        outcome: 'ranked',
        ranks: [2, 1],
      },
    );
    expect(ROW_FORMATS.hh.write(comparison, comparison.judgements[0]!)).toEqual([
      {
        chosen: '\n\nHuman: Be kind.\n\nHi\n\nAssistant: b',
        rejected: '\n\nHuman: Be kind.\n\nHi\n\nAssistant: a',
      },
    ]);
  });
});

describe("OpenAI's comparisons", () => {
  const ROW = {
    info: { id: 't3_0', post: 'My dog digs.', title: 'Dog', subreddit: 'pets' },
    summaries: [
      { text: ' Dog digs.', policy: 'ref', note: 'fine' },
      { text: 'Digging', policy: 'sup4_ppo', note: null },
    ],
    choice: 1,
    worker: 'worker-7',
    batch: 'batch3',
    split: 'train',
    extra: { confidence: 8 },
  };
  const QUERY = 'SUBREDDIT: r/pets\n\nTITLE: Dog\n\nPOST: My dog digs.\n\nTL;DR:';

  it('reads the query, the choice, who made it and how sure they were, on the side of the response chosen', () => {
    const { prompt, ranks, judgement } = said('openai', ROW);
    expect(prompt).toEqual([['document', QUERY]]);
    // After "TL;DR:" there is a space, whoever wrote the summary.
    expect(ranks).toEqual({ ' Dog digs.': 2, ' Digging': 1 });
    expect(judgement.labeler).toBe('worker-7');
    expect(judgement.confidence).toBe(judgement.ranks[0] === 1 ? 2 : 8);
    // As the file shows them: the first summary was shown first.
    expect(judgement.displayedOrder).toEqual(judgement.ranks[0] === 1 ? [1, 0] : [0, 1]);
  });

  it('reads articles, whose post is null', () => {
    const info = { id: 'x', post: null, title: 'Fire', subreddit: null, site: 'cnn', article: 'It burned.' };
    expect(said('openai', { ...ROW, info }).prompt).toEqual([
      ['document', 'TITLE: Fire\n\nARTICLE: It burned.\n\nTL;DR:'],
    ]);
  });

  it('does without worker, confidence and extra', () => {
    const { worker: _, ...row } = ROW;
    expect(said('openai', { ...row, extra: null }).judgement).not.toHaveProperty('labeler');
    expect(
      said('openai', { ...row, worker: null, extra: { confidence: null } }).judgement,
    ).not.toHaveProperty('confidence');
  });

  it.each<[Partial<Record<keyof typeof ROW, unknown>>, RegExp]>([
    [{ choice: 2 }, /choice must be 0 or 1/],
    [{ choice: null }, /choice must be 0 or 1/],
    [
      { extra: { confidence: 3 } },
      /extra\.confidence 3 is on the side of the first response, the choice is not/,
    ],
    [{ extra: { confidence: 10 } }, /extra\.confidence must be a whole number from 1 to 9/],
    [{ summaries: [{ text: 'a' }] }, /summaries must be a list of two/],
    [{ summaries: [{ text: 'a' }, { text: null }] }, /summaries\[1\]\.text must be a string/],
    [{ info: { id: 'x', post: null, title: 'a' } }, /neither post nor article/],
    [{ info: undefined }, /no key info/],
    [{ summaries: undefined, summary: {} } as never, /rates one summary/],
  ])('refuses %j', (change, message) => {
    expect(refusal('openai', { ...ROW, ...change })).toMatch(message);
  });

  it("reads WebGPT's answers by their scores, equal ones as a tie", () => {
    const row = {
      question: { dataset: 'eli5', id: 'q', full_text: 'Why is it cold?' },
      answer_0: 'Winter.',
      answer_1: 'Snow.',
      score_0: -0.5,
      score_1: 0.5,
    };
    expect(said('openai', row)).toMatchObject({
      prompt: [['user', 'Why is it cold?']],
      ranks: { 'Winter.': 2, 'Snow.': 1 },
    });
    expect(said('openai', { ...row, score_0: 0, score_1: 0 }).judgement).toMatchObject({
      outcome: 'tie',
      ranks: [],
    });
    expect(refusal('openai', { ...row, score_1: null })).toMatch(/no key score_1/);
  });
});

describe('UltraFeedback rows', () => {
  const completion = (response: string, ratings: readonly (string | number)[], rest: JsonObject = {}) => ({
    response,
    annotations: Object.fromEntries(
      ['instruction_following', 'honesty', 'truthfulness', 'helpfulness'].map((aspect, at) => [
        aspect,
        { Rating: ratings[at], Rationale: '' },
      ]),
    ),
    ...rest,
  });

  it('ranks completions by the mean of their ratings, equal ones together, and mistrusts overall_score', () => {
    const row = {
      instruction: 'Name a river.',
      completions: [
        completion('Elbe', ['4', '4', '4', '4'], { overall_score: 1 }),
        completion('Berlin', ['1', '2', '1', '1'], { overall_score: 10 }),
        completion('Oder', ['4', 'N/A', '4', '4']),
        completion('Rhine', ['5', '5', '5', '5']),
      ],
    };
    expect(said('ultrafeedback', row)).toMatchObject({
      prompt: [['user', 'Name a river.']],
      ranks: { Rhine: 1, Elbe: 2, Oder: 2, Berlin: 3 },
    });
  });

  it('falls back on the scores, and calls all equal a tie', () => {
    const scored = (score: number, response: string) => ({
      response,
      annotations: {},
      'fine-grained_score': score,
    });
    const row = { instruction: 'x', completions: [scored(3, 'a'), scored(3, 'b')] };
    expect(said('ultrafeedback', row).judgement).toMatchObject({ outcome: 'tie', ranks: [] });
    const overall = {
      instruction: 'x',
      completions: [
        { response: 'a', overall_score: 2 },
        { response: 'b', overall_score: 9 },
      ],
    };
    expect(said('ultrafeedback', overall).ranks).toEqual({ a: 2, b: 1 });
  });

  const PAIR = {
    prompt: 'Hi?',
    chosen: [user('Hi?'), assistant('Hello.')],
    rejected: [user('Hi?'), assistant('No.')],
  };
  it.each<[string, JsonObject, RecordedJudgement['outcome']]>([
    ['HuggingFaceH4', { ...PAIR, score_chosen: 8.5, score_rejected: 6 }, 'ranked'],
    ['Argilla', { ...PAIR, 'chosen-rating': 5, 'rejected-rating': 4.5 }, 'ranked'],
    ['without scores', PAIR, 'ranked'],
    ['of equal scores', { ...PAIR, score_chosen: 7, score_rejected: 7 }, 'tie'],
  ])('reads binarised pairs, %s', (_, row, outcome) => {
    const { prompt, judgement, ranks } = said('ultrafeedback', row);
    expect(prompt).toEqual([['user', 'Hi?']]);
    expect(judgement.outcome).toBe(outcome);
    expect(ranks).toEqual(outcome === 'ranked' ? { 'Hello.': 1, 'No.': 2 } : { 'Hello.': null, 'No.': null });
  });

  it.each<[JsonObject, RegExp]>([
    [{ instruction: 'x', completions: [] }, /at least two/],
    [
      { instruction: 'x', completions: [{ response: 'a' }, { response: 'b' }] },
      /completions\[0\] has no ratings/,
    ],
    [{ completions: [{}, {}] }, /no key instruction/],
    [{ ...PAIR, score_chosen: 3, score_rejected: 4 }, /score_chosen \(3\) is below score_rejected \(4\)/],
    [{ instruction: 'x' }, /neither completions nor chosen/],
  ])('refuses %j', (row, message) => {
    expect(refusal('ultrafeedback', row)).toMatch(message);
  });
});

function judged(
  prompt: JudgedComparison['prompt'],
  responses: readonly string[],
  judgement: RecordedJudgement,
): JudgedComparison {
  return {
    prompt,
    promptTokens: [],
    responses: responses.map((text) => ({ text, tokens: [] })),
    split: 'train',
    judgements: [judgement],
  };
}

/** Words that no format takes for a mark of its own. */
const word = fc.stringMatching(/^[a-zà-ü]{1,6}$/);
const words = fc.array(word, { minLength: 1, maxLength: 5 }).map((list) => list.join(' '));
const conversation = fc
  .tuple(fc.array(fc.tuple(words, words), { maxLength: 2 }), words)
  .map(([turns, last]): ChatMessage[] => [
    ...turns.flatMap(([asked, answered]): ChatMessage[] => [
      { role: 'user', content: asked },
      { role: 'assistant', content: answered },
    ]),
    { role: 'user', content: last },
  ]);
const twoResponses = fc.uniqueArray(words, { minLength: 2, maxLength: 2 });

/** In the order that every import puts them in, so that equal judgements are equal. */
const canonical = (row: PreferenceRow): PreferenceRow => inCanonicalOrder(row);

function roundTrip(format: RowFormatName, { prompt, responses, judgement }: PreferenceRow): PreferenceRow[] {
  const rows = ROW_FORMATS[format].write(judged(prompt, responses, judgement), judgement);
  return rows.map((row) => ROW_FORMATS[format].read(JSON.parse(JSON.stringify(row)) as JsonObject));
}

describe('what is written is read back', () => {
  const preferred = { outcome: 'ranked', ranks: [2, 1] } as const;

  it('trl: text and conversations, with margins', () => {
    const margin = fc.option(fc.double({ min: 0, max: 10, noNaN: true }), { nil: undefined });
    const prompt = fc.oneof(words.map(documentPrompt), conversation.map(chatPrompt));
    fc.assert(
      fc.property(prompt, twoResponses, margin, (before, responses, ahead) => {
        const judgement = { ...preferred, ...(ahead !== undefined && { margin: ahead + 0 }) };
        const row = canonical({ prompt: before, responses, judgement });
        expect(roundTrip('trl', row)).toEqual([row]);
      }),
    );
  });

  it('hh: conversations', () => {
    fc.assert(
      fc.property(conversation, twoResponses, (messages, responses) => {
        const row = canonical({ prompt: chatPrompt(messages), responses, judgement: preferred });
        expect(roundTrip('hh', row)).toEqual([row]);
      }),
    );
  });

  it('openai: posts, articles and other text, with worker, confidence and order shown', () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const info = fc.record({ post: words, title: words, subreddit: word }, { requiredKeys: ['post'] });
    const rows = fc.record({
      info,
      summaries: twoResponses.map((texts) => texts.map((text) => ({ text: ` ${text}` }))),
      side: fc.constantFrom(0, 1),
      strength: optional(fc.integer({ min: 0, max: 4 })),
      worker: optional(word),
    });
    fc.assert(
      fc.property(rows, ({ info: about, summaries, side, strength, worker }) => {
        const confidence = strength === undefined ? null : side === 0 ? 5 - strength : 5 + strength;
        const row = ROW_FORMATS.openai.read({
          info: about,
          summaries,
          choice: side,
          worker,
          extra: { confidence },
        });
        expect(roundTrip('openai', row)).toEqual([row]);
      }),
    );
  });

  it('ultrafeedback: rankings of up to six with ties, and ties of all', () => {
    const scored = fc.uniqueArray(fc.tuple(words, fc.integer({ min: 1, max: 4 })), {
      minLength: 2,
      maxLength: 6,
      selector: ([text]) => text,
    });
    fc.assert(
      fc.property(words, scored, (instruction, responses) => {
        const completions = responses.map(([response, score]) => ({ response, overall_score: score }));
        const row = ROW_FORMATS.ultrafeedback.read({ instruction, completions });
        expect(roundTrip('ultrafeedback', row)).toEqual([row]);
      }),
    );
  });

  it.each<RowFormatName>(['trl', 'hh', 'openai'])(
    '%s: a ranking of three becomes its pairs, ties left out',
    (format) => {
      const row = {
        prompt: chatPrompt([{ role: 'user', content: 'Who?' }]),
        responses: [' a', ' b', ' c'],
        judgement: { outcome: 'ranked', ranks: [2, 1, 2] },
      } as const;
      const pairs = roundTrip(format, row).map(({ responses, judgement }) => [
        responses[judgement.ranks.indexOf(1)],
        responses[judgement.ranks.indexOf(2)],
      ]);
      expect(pairs).toEqual([
        [' b', ' a'],
        [' b', ' c'],
      ]);
    },
  );

  it.each<[RowFormatName, RecordedJudgement['outcome'], number]>([
    ['trl', 'tie', 0],
    ['hh', 'tie', 0],
    ['openai', 'tie', 0],
    ['ultrafeedback', 'tie', 1],
    ['trl', 'both_bad', 0],
    ['ultrafeedback', 'both_bad', 0],
    ['ultrafeedback', 'skipped', 0],
  ])('%s has for "%s" rows: %i', (format, outcome, rows) => {
    const row = { prompt: documentPrompt('x'), responses: ['a', 'b'], judgement: { outcome, ranks: [] } };
    expect(roundTrip(format, row)).toHaveLength(rows);
  });
});

describe('the order of responses', () => {
  it('is that of the texts alone: whoever was chosen, the same comparison', () => {
    const either = [
      { prompt: 'x', chosen: 'a', rejected: 'b' },
      { prompt: 'x', chosen: 'b', rejected: 'a' },
    ].map((row) => ROW_FORMATS.trl.read(row));
    expect(either[0]!.responses).toEqual(either[1]!.responses);
    expect(either[0]!.judgement.ranks).toEqual([...either[1]!.judgement.ranks].reverse());
  });

  it('turns ranks, confidence and the order shown with it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(word, { minLength: 2, maxLength: 5 }), (texts) => {
        const ranks = texts.map((_, at) => at + 1);
        const displayedOrder = texts.map((_, at) => at).reverse();
        const before = {
          prompt: [],
          responses: texts,
          judgement: { outcome: 'ranked' as const, ranks, displayedOrder },
        };
        const after = inCanonicalOrder(before);
        const ranked = (row: PreferenceRow) =>
          row.responses.map((text, at) => [text, row.judgement.ranks[at]]).sort();
        const shown = (row: PreferenceRow) => row.judgement.displayedOrder!.map((at) => row.responses[at]);
        expect(ranked(after)).toEqual(ranked(before));
        expect(shown(after)).toEqual(shown(before));
      }),
    );
  });
});
