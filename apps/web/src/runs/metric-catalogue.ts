/** How a metric is called and drawn. Names come from the steps; one that is not listed is shown as it is. */
export interface Metric {
  readonly title: string;
  readonly unit: string;
  /** Metrics of one step with the same chart share its axes. */
  readonly chart: string;
  /** What the line means, where its name does not say it. */
  readonly about?: string;
}

const METRICS: Readonly<Record<string, Metric>> = {
  loss: { title: 'Loss', unit: 'nats', chart: 'loss' },
  heldOutLoss: { title: 'Held-out loss', unit: 'nats', chart: 'loss' },
  accuracy: {
    title: 'Accuracy',
    unit: '',
    chart: 'accuracy',
    about: 'Share of judgements the reward model agrees with',
  },
  heldOutAccuracy: { title: 'Held-out accuracy', unit: '', chart: 'accuracy' },
  learningRate: { title: 'Learning rate', unit: '', chart: 'learningRate' },
  gradientNorm: { title: 'Gradient norm', unit: '', chart: 'gradientNorm' },
  reward: {
    title: 'Reward',
    unit: '',
    chart: 'reward',
    about: 'Reward model’s score of the policy’s responses',
  },
  kl: { title: 'KL to the reference policy', unit: 'nats', chart: 'kl', about: 'Per response' },
  klCoefficient: { title: 'KL coefficient β', unit: '', chart: 'klCoefficient' },
  entropy: { title: 'Entropy', unit: 'nats', chart: 'entropy', about: 'Of the policy, per token' },
  policyLoss: { title: 'Policy loss', unit: '', chart: 'policyLoss' },
  valueLoss: { title: 'Value loss', unit: '', chart: 'valueLoss' },
  clipFraction: { title: 'Clipped ratios', unit: '', chart: 'clipFraction', about: 'Share of tokens' },
};

export function metricOf(name: string): Metric {
  return METRICS[name] ?? { title: wordsOf(name), unit: '', chart: name };
}

/** Charts in the order of the catalogue, unknown ones after them. */
export function chartRank(chart: string): number {
  const rank = Object.values(METRICS).findIndex((metric) => metric.chart === chart);
  return rank === -1 ? Number.MAX_SAFE_INTEGER : rank;
}

/** `tokensPerSecond` → `Tokens per second`. */
function wordsOf(name: string): string {
  const words = name.replace(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
}
