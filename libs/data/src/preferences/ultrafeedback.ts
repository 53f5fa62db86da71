/**
 * UltraFeedback (Cui et al. 2023): `{instruction, completions: [{response, annotations: {aspect: {Rating}}}, …]}`, four of
 * them as a rule; and its binarised descendants, `{prompt, chosen, rejected}` as messages with a score for each.
 * https://huggingface.co/datasets/openbmb/UltraFeedback
 */
import type { JudgedComparison, Message, RecordedJudgement } from '@plumbline/contracts';
import { isConversation, message, promptText } from './messages.js';
import {
  inCanonicalOrder,
  judgementOf,
  keysOf,
  objectOf,
  optionalNumber,
  preferredRow,
  RowError,
  stringOf,
  type JsonObject,
  type PreferenceRow,
  type RowFormat,
} from './preference-row.js';
import { readChosenAndRejected } from './trl.js';

export const ultrafeedback: RowFormat = {
  read(row) {
    if (row['completions'] !== undefined) return readCompletions(row);
    if (row['chosen'] !== undefined) return readBinarized(row);
    throw new RowError(`neither completions nor chosen and rejected (${keysOf(row)})`);
  },

  /** Ranks become `overall_score`, the best one's the highest; nobody rated the aspects, so there are none. */
  write({ prompt, responses }: JudgedComparison, { outcome, ranks }: RecordedJudgement) {
    if (outcome !== 'ranked' && outcome !== 'tie') return [];
    const worst = Math.max(1, ...ranks);
    return [
      {
        source: 'plumbline',
        instruction: promptText(prompt),
        completions: responses.map(({ text }, position) => ({
          response: text,
          overall_score: 1 + worst - (ranks[position] ?? 1),
        })),
      },
    ];
  },
};

function readCompletions(row: JsonObject): PreferenceRow {
  const instruction = stringOf(row, 'instruction');
  const { completions } = row;
  if (!Array.isArray(completions) || completions.length < 2) {
    throw new RowError('completions must be a list of at least two: fewer compare nothing');
  }
  const rated = completions.map((value: unknown, index) => {
    const path = `completions[${index}]`;
    const completion = objectOf(value, path);
    return {
      response: stringOf(completion, 'response', `${path}.response`),
      score: scoreOf(completion, path),
    };
  });
  return inCanonicalOrder({
    prompt: [message('user', instruction)],
    responses: rated.map(({ response }) => response),
    judgement: judgementOf(rated.map(({ score }) => score)),
  });
}

/**
 * The mean of the aspects' ratings. Not `overall_score`: in the original release thousands of those that should be 1 are
 * 10, which is why the data set has been binarised by the mean ever since. It counts where there is nothing else.
 */
function scoreOf(completion: JsonObject, path: string): number {
  const ratings = aspectRatings(completion);
  if (ratings.length > 0) return ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length;
  for (const key of ['fine-grained_score', 'overall_score']) {
    const score = optionalNumber(completion, key, `${path}.${key}`);
    if (score !== null) return score;
  }
  throw new RowError(`${path} has no ratings (annotations, fine-grained_score or overall_score)`);
}

/** A rating is a number or a string; "N/A" says that the aspect does not apply. */
function aspectRatings(completion: JsonObject): number[] {
  const { annotations } = completion;
  if (typeof annotations !== 'object' || annotations === null) return [];
  return Object.values(annotations).flatMap((aspect: unknown) => {
    const { Rating } = (aspect ?? {}) as JsonObject;
    const rating = typeof Rating === 'string' && Rating.trim() !== '' ? Number(Rating) : Rating;
    return typeof rating === 'number' && Number.isFinite(rating) ? [rating] : [];
  });
}

/** Keys of the two scores, in HuggingFaceH4's, Argilla's and older Argilla's spelling. */
const SCORES = [
  ['score_chosen', 'score_rejected'],
  ['chosen-rating', 'rejected-rating'],
  ['chosen_avg_rating', 'rejected_avg_rating'],
] as const;

/** What is asked is an instruction, also where the row has it as a bare string. */
function asConversation(prompt: readonly Message[]): readonly Message[] {
  return isConversation(prompt) ? prompt : [message('user', promptText(prompt))];
}

/** Equal scores are a tie: which of the two was called chosen is chance then. */
function readBinarized(row: JsonObject): PreferenceRow {
  const { chosen, rejected, prompt: read } = readChosenAndRejected(row);
  const prompt = typeof row['prompt'] === 'string' ? asConversation(read) : read;
  for (const [ofChosen, ofRejected] of SCORES) {
    const [better, worse] = [optionalNumber(row, ofChosen), optionalNumber(row, ofRejected)];
    if (better === null || worse === null) continue;
    if (better < worse) throw new RowError(`${ofChosen} (${better}) is below ${ofRejected} (${worse})`);
    if (better > worse) break;
    return inCanonicalOrder({
      prompt,
      responses: [chosen, rejected],
      judgement: { outcome: 'tie', ranks: [] },
    });
  }
  return preferredRow(prompt, chosen, rejected);
}
