/** How a metric is called and drawn. Names come from the steps; one that is not listed is a diagnostic under its own name. */
export interface Metric {
  readonly title: string;
  readonly unit: string;
  /** Metrics of one step with the same chart share its axes. */
  readonly chart: string;
  /** What the line is called beside the others of its chart. */
  readonly line: string;
  /** Shown at first; the others are for whoever looks for a fault. */
  readonly main: boolean;
  /** What the line means, where its name does not say it. */
  readonly about: string;
}

/** In the order of the page. */
const METRICS: Readonly<Record<string, Partial<Metric> & { readonly title: string }>> = {
  loss: { title: 'Loss', unit: 'nats', line: 'training', main: true },
  heldOutLoss: { title: 'Held-out loss', unit: 'nats', chart: 'loss', line: 'held out', main: true },
  heldOutAccuracy: {
    title: 'Held-out accuracy',
    main: true,
    about: 'Share of held-out judgements that the reward model agrees with; ties left out',
  },
  'objective/scores': {
    title: 'Reward',
    chart: 'reward',
    line: 'score',
    main: true,
    about: 'Reward model’s score of the responses, and the same less the KL penalty; mean over the iteration',
  },
  'objective/rlhf_reward': { title: 'Penalised reward', chart: 'reward', line: 'score − β·KL', main: true },
  'heldOut/scores': {
    title: 'Reward on held-out prompts',
    chart: 'reward',
    line: 'held out',
    main: true,
    about: 'Score of the policy’s responses to prompts that it is not trained on, at checkpoints',
  },
  'val/sampled_scores': {
    title: 'Reward of all samples',
    chart: 'reward',
    line: 'all samples',
    main: true,
    about: 'Score of the responses that best-of-n chooses from',
  },
  'objective/gold': {
    title: 'Gold reward',
    chart: 'gold',
    line: 'training prompts',
    main: true,
    about:
      'What the simulated labelers judge by; the reward model only imitates it, and training never sees it',
  },
  'heldOut/gold': { title: 'Gold reward on held-out prompts', chart: 'gold', line: 'held out', main: true },
  'objective/kl': {
    title: 'KL to the reference policy',
    unit: 'nats',
    chart: 'kl',
    line: 'training prompts',
    main: true,
    about: 'Nats per response (k1)',
  },
  'heldOut/kl': {
    title: 'KL on held-out prompts',
    unit: 'nats',
    chart: 'kl',
    line: 'held out',
    main: true,
  },
  beta: { title: 'KL coefficient β', main: true, about: 'What a nat of KL costs' },
  'rewards/accuracies': {
    title: 'Preferences agreed with',
    main: true,
    about: 'Share of pairs whose preferred response gained more probability than the other; ties left out',
  },
  'rewards/margins': {
    title: 'Implicit reward margin',
    chart: 'implicit reward',
    line: 'margin',
    main: true,
    about:
      'β·log π/π_ref, the reward that DPO’s policy implies: of the preferred response, the other, and between them',
  },
  'rewards/chosen': {
    title: 'Implicit reward, preferred',
    chart: 'implicit reward',
    line: 'preferred',
    main: true,
  },
  'rewards/rejected': {
    title: 'Implicit reward, other',
    chart: 'implicit reward',
    line: 'other',
    main: true,
  },
  'objective/entropy': {
    title: 'Entropy',
    unit: 'nats',
    main: true,
    about: 'Surprise of the sampled responses, nats per response',
  },
  'completions/mean_length': { title: 'Response length', unit: 'tokens', main: true },
  'loss/value_avg': { title: 'Value loss', main: true, about: 'Mean over the iteration’s updates' },
  'policy/clipfrac_avg': {
    title: 'Clip fraction',
    main: true,
    about: 'Share of tokens (RLOO: of responses) for which clipping decides the loss',
  },
  'policy/entropy_avg': { title: 'Entropy of a token', unit: 'nats', about: 'Of the whole distribution' },
  'loss/policy_avg': { title: 'Policy loss' },
  'loss/kl_avg': { title: 'KL in the loss', about: 'Before β' },
  'policy/approxkl_avg': { title: 'Approximate KL of an update', unit: 'nats' },
  'objective/non_score_reward': { title: 'KL penalty' },
  'val/clipfrac_avg': { title: 'Value clip fraction' },
  'val/ratio': { title: 'Probability ratio' },
  'val/ratio_var': { title: 'Variance of the ratio', about: 'Over the iteration’s updates' },
  'val/num_eos_tokens': { title: 'Responses that ended' },
  reward_std: {
    title: 'Reward spread within prompts',
    about: 'Standard deviation over responses to one prompt',
  },
  frac_reward_zero_std: {
    title: 'Prompts that teach nothing',
    about: 'Share of prompts whose responses are all worth the same',
  },
  'logps/chosen': { title: 'Log-probability, preferred', unit: 'nats' },
  'logps/rejected': { title: 'Log-probability, other', unit: 'nats' },
  'heldOut/scores_error': { title: 'Error of the held-out reward', about: 'Standard error of the mean' },
  gradientNorm: { title: 'Gradient norm', about: 'Before clipping' },
  updates: { title: 'Updates an iteration', about: 'Fewer than configured where the KL ended one early' },
  lr: { title: 'Learning rate' },
  episode: { title: 'Episodes', about: 'Responses sampled so far' },
  eps: { title: 'Episodes a second' },
  'val/engine_gap': {
    title: 'Engine gap',
    unit: 'nats',
    about: 'Largest difference between the rollout engine’s and the trainer’s log-probability of a token',
  },
};

const NAMES = Object.keys(METRICS);

export function metricOf(name: string): Metric {
  const known = METRICS[name];
  const title = known?.title ?? wordsOf(name);
  return { unit: '', chart: name, line: title, main: false, about: '', ...known, title };
}

/** Place of a metric in the catalogue; unknown ones come last. */
export function metricRank(name: string): number {
  const rank = NAMES.indexOf(name);
  return rank === -1 ? NAMES.length : rank;
}

/** `tokensPerSecond` → `Tokens per second`, `policy/first_clipfrac` → `Policy first clipfrac`. */
function wordsOf(name: string): string {
  const words = name
    .replace(/[/_]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
