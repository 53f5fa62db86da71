/** The figure of the sentiment task: what several seeds came to, drawn by the report's own code. */
import { BAND_SIZE, bandFigure, INK, standaloneFigure } from '@plumbline/report/figures';

/**
 * @param {{ seed: number, result: import('@plumbline/contracts').EvaluationResult }[]} results a frontier in each, at
 *   the same iterations
 * @returns {string} an SVG file's text
 */
export function drawSentiment(results) {
  const band = (label, ink, at) => ({
    label,
    ink,
    points: iterations(results).map((x, i) => {
      const values = results.map(({ result }) => at(result.frontier, i - 1));
      return {
        x,
        mean: values.reduce((a, b) => a + b, 0) / values.length,
        low: Math.min(...values),
        high: Math.max(...values),
      };
    }),
  });
  const xLabel = 'PPO iteration';
  const bestOf = results[0].result.frontier.bestOf.at(-1).n;
  const bestOfGold =
    results.reduce((sum, { result }) => sum + result.frontier.bestOf.at(-1).goldReward.value, 0) /
    results.length;
  const gold = bandFigure(
    {
      bands: [
        band('gold reward', INK.policy, (frontier, i) =>
          i < 0 ? frontier.pretrained.goldReward.value : frontier.policy[i].goldReward.value,
        ),
      ],
      references: [{ label: `best of ${bestOf}`, value: bestOfGold }],
      xLabel,
      yLabel: 'Gold reward',
    },
    'Gold reward by PPO iteration',
  );
  const kl = bandFigure(
    {
      bands: [band('KL', INK.second, (frontier, i) => (i < 0 ? 0 : frontier.policy[i].kl.value))],
      xLabel,
      yLabel: 'KL to the pretrained model, nats per response',
    },
    'KL by PPO iteration',
  );
  const { prompts } = results[0].result;
  return standaloneFigure(
    [gold, kl].map((svg) => ({ svg, ...BAND_SIZE })),
    `Sentiment task: gold reward and KL over ${results.length} seeds`,
    `Line: mean over seeds; band: lowest to highest seed. ${prompts} held-out prompts a seed. Gold reward: AFINN sentiment, which training never sees.`,
  );
}

/** 0 for the pretrained model, then those of the policy's checkpoints. */
function iterations(results) {
  const [first, ...others] = results.map(({ result }) => result.frontier.policy.map(({ index }) => index));
  for (const other of others) {
    if (other.join() !== first.join()) throw new Error('the seeds were measured at different iterations');
  }
  return [0, ...first];
}
