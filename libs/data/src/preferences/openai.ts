/**
 * OpenAI's comparisons of summaries (Stiennon et al. 2020): `{info: {post, title, subreddit} or {article, title},
 * summaries: [{text}, {text}], choice: 0 or 1, worker, extra: {confidence: 1 … 9}}`, and those of WebGPT (Nakano et al.
 * 2021): `{question, answer_0, answer_1, score_0, score_1}`.
 * https://github.com/openai/summarize-from-feedback#human-feedback-data
 */
import { sha256 } from '@plumbline/artifacts';
import type { JudgedComparison, RecordedJudgement } from '@plumbline/contracts';
import { checkConfidence } from '@plumbline/labeling';
import { documentPrompt, message, promptText } from './messages.js';
import {
  inCanonicalOrder,
  judgementOf,
  keysOf,
  objectOf,
  optionalNumber,
  optionalString,
  preferredPairs,
  RowError,
  stringOf,
  type JsonObject,
  type PreferenceRow,
  type RowFormat,
} from './preference-row.js';

export const openai: RowFormat = {
  read(row) {
    if (row['question'] !== undefined) return readWebGpt(row);
    if (row['summary'] !== undefined && row['summaries'] === undefined) {
      throw new RowError('the row rates one summary (axis_evals): it compares nothing');
    }
    return readSummaries(row);
  },

  /** A comparison of more than two becomes its pairs, in the order shown where that is known. */
  write(comparison: JudgedComparison, judgement: RecordedJudgement) {
    const { prompt, responses, split } = comparison;
    const info = infoOf(promptText(prompt));
    const shown = judgement.displayedOrder ?? responses.map((_, position) => position);
    return preferredPairs(judgement).map(({ better, worse }): JsonObject => {
      const places = shown.filter((position) => position === better || position === worse);
      const { confidence } = judgement;
      const asShown = confidence === undefined || places[0] === 0 ? confidence : 10 - confidence;
      return {
        info,
        split: split === 'train' ? 'train' : 'valid2',
        summaries: places.map((position) => ({ text: responses[position]!.text, policy: null, note: null })),
        choice: places.indexOf(better),
        worker: judgement.labeler ?? null,
        batch: 'plumbline',
        extra: { confidence: asShown ?? null },
      };
    });
  },
};

function readSummaries(row: JsonObject): PreferenceRow {
  const { info, summaries, choice } = row;
  if (info === undefined) throw new RowError(`no key info (${keysOf(row)})`);
  const prompt = documentPrompt(postText(objectOf(info, 'info')));
  if (!Array.isArray(summaries) || summaries.length !== 2)
    throw new RowError('summaries must be a list of two');
  const responses = summaries.map((summary: unknown, index) =>
    afterSpace(stringOf(objectOf(summary, `summaries[${index}]`), 'text', `summaries[${index}].text`)),
  );
  if (choice !== 0 && choice !== 1) throw new RowError('choice must be 0 or 1');
  const extra = row['extra'] === undefined || row['extra'] === null ? {} : objectOf(row['extra'], 'extra');
  const confidence = optionalNumber(extra, 'confidence', 'extra.confidence');
  const labeler = optionalString(row, 'worker');
  const judgement = { outcome: 'ranked', ranks: choice === 0 ? [1, 2] : [2, 1] } as const;
  return inCanonicalOrder({
    prompt,
    responses,
    judgement: {
      ...judgement,
      ...(confidence !== null && { confidence: checkConfidence('extra.confidence', confidence, judgement) }),
      ...(labeler !== null && { labeler }),
      displayedOrder: [0, 1],
    },
  });
}

/** Summaries follow "TL;DR:"; those of models begin with a space, of people without. */
function afterSpace(summary: string): string {
  return /^\s/.test(summary) ? summary : ` ${summary}`;
}

/**
 * The query as the paper's models were given it. A `post` that comes alone, without title and subreddit, is the whole
 * prompt: so `export` writes prompts that are no such query.
 */
function postText(info: JsonObject): string {
  const post = optionalString(info, 'post', 'info.post');
  const article = optionalString(info, 'article', 'info.article');
  const title = optionalString(info, 'title', 'info.title');
  const subreddit = optionalString(info, 'subreddit', 'info.subreddit');
  if (post === null && article === null) throw new RowError('info has neither post nor article');
  if (post !== null && title === null && subreddit === null && article === null) return post;
  return query({ subreddit, title, body: post === null ? `ARTICLE: ${article}` : `POST: ${post}` });
}

function query({
  subreddit,
  title,
  body,
}: {
  subreddit: string | null;
  title: string | null;
  body: string;
}): string {
  return [
    ...(subreddit === null ? [] : [`SUBREDDIT: r/${subreddit}`]),
    ...(title === null ? [] : [`TITLE: ${title}`]),
    body,
    'TL;DR:',
  ].join('\n\n');
}

const QUERY =
  /^(?:SUBREDDIT: r\/(?<subreddit>.*)\n\n)?(?:TITLE: (?<title>.*)\n\n)?(?<kind>POST|ARTICLE): (?<body>[^]*)\n\nTL;DR:$/;

/** The prompt taken apart again, where putting it together would give it back. */
function infoOf(prompt: string): JsonObject {
  const none = {
    id: sha256(prompt).slice(0, 16),
    post: null,
    title: null,
    subreddit: null,
    site: null,
    article: null,
  };
  const {
    subreddit = null,
    title = null,
    kind,
    body,
  } = (QUERY.exec(prompt)?.groups ?? {}) as Record<string, string | undefined>;
  const parts =
    kind === 'POST'
      ? { subreddit, title, post: body }
      : kind === 'ARTICLE'
        ? { subreddit, title, article: body }
        : {};
  const info = { ...none, ...parts };
  return kind !== undefined && postText(info) === prompt ? info : { ...none, post: prompt };
}

/** A score is how much its answer is preferred, −1 … 1; the two sum to 0, and 0 is a tie. */
function readWebGpt(row: JsonObject): PreferenceRow {
  const { question } = row;
  const text =
    typeof question === 'string'
      ? question
      : stringOf(objectOf(question, 'question'), 'full_text', 'question.full_text');
  const scores = ['score_0', 'score_1'].map((key) => {
    const score = optionalNumber(row, key);
    if (score === null) throw new RowError(`no key ${key} (${keysOf(row)})`);
    return score;
  });
  return inCanonicalOrder({
    prompt: [message('user', text)],
    responses: [stringOf(row, 'answer_0'), stringOf(row, 'answer_1')],
    judgement: { ...judgementOf(scores), displayedOrder: [0, 1] },
  });
}
