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
  'objective/kl': {
    title: 'KL to the reference policy',
    unit: 'nats',
    main: true,
    about: 'Nats per response (k1)',
  },
  beta: { title: 'KL coefficient β', main: true, about: 'What a nat of KL costs' },
  'objective/entropy': {
    title: 'Entropy',
    unit: 'nats',
    main: true,
    about: 'Surprise of the sampled responses, nats per response',
  },
  'loss/value_avg': { title: 'Value loss', main: true, about: 'Mean over the iteration’s updates' },
  'policy/clipfrac_avg': {
    title: 'Clip fraction',
    main: true,
    about: 'Share of tokens whose probability ratio left the clip range',
  },
  'loss/policy_avg': { title: 'Policy loss' },
  'policy/approxkl_avg': { title: 'Approximate KL of an update', unit: 'nats' },
  'objective/non_score_reward': { title: 'KL penalty' },
  'val/clipfrac_avg': { title: 'Value clip fraction' },
  'val/ratio': { title: 'Probability ratio' },
  gradientNorm: { title: 'Gradient norm', about: 'Before clipping' },
  lr: { title: 'Learning rate' },
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
