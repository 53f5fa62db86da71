#!/usr/bin/env node
/**
 * The sentiment task over several seeds: gold reward of the policy and its KL to the pretrained model, iteration by
 * iteration, as a figure. The steps are those of a run, in this process, without services; every seed pretrains, samples,
 * judges, trains and optimises anew. What a seed has come to is kept below `.plumbline/figures`, so that the command
 * continues where it was ended, and draws the same figure again at once.
 *
 *   npm run figure:sentiment -- [--seeds 5] [--out docs/figures/sentiment.svg] [--only SEED]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { home, ROOT } from '../lib/paths.mjs';
import { runMain, SetUpError } from '../lib/set-up-error.mjs';
import { drawSentiment } from './draw-sentiment.mjs';
import { runInProcess } from './run-in-process.mjs';

const STEPS = ['pretrain', 'sample', 'collect', 'reward', 'optimise', 'evaluate'];

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '5' },
      only: { type: 'string' },
      out: { type: 'string', default: join(ROOT, 'docs', 'figures', 'sentiment.svg') },
    },
  });
  const seeds = whole('seeds', values.seeds);
  const wanted =
    values.only === undefined ? Array.from({ length: seeds }, (_, i) => i + 1) : [whole('only', values.only)];
  const { configurationHash, loadPreset, resolveConfiguration } = await import('@plumbline/config').catch(
    () => {
      throw new SetUpError('Nothing is built yet: run `npm run build` first.');
    },
  );
  const configurationOf = (seed) =>
    resolveConfiguration(loadPreset('sentiment').configuration, {
      overrides: [{ path: 'seed', value: seed }],
    });

  const results = [];
  for (const seed of wanted) {
    const configuration = configurationOf(seed);
    const folder = join(home(), 'figures', configurationHash(configuration).slice(0, 16));
    results.push({ seed, result: await runInProcess(configuration, STEPS, folder) });
  }
  if (values.only !== undefined) return;
  const file = resolve(values.out);
  mkdirSync(dirname(file), { recursive: true });
  const svg = await drawSentiment(results);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== svg) writeFileSync(file, svg);
  for (const { seed, result } of results) {
    const { kl, goldReward, proxyReward } = result.frontier.policy.at(-1);
    const numbers = [
      `gold reward ${result.frontier.pretrained.goldReward.value.toFixed(3)} → ${goldReward.value.toFixed(3)}`,
      `proxy ${proxyReward.value.toFixed(2)}`,
      `KL ${kl.value.toFixed(2)}`,
      `win rate ${(100 * result.goldWinRate.policy.value).toFixed(1)} %`,
      `best of ${result.bestOf} ${(100 * result.goldWinRate.bestOf.value).toFixed(1)} %`,
      `reward-model accuracy ${(100 * (result.rewardModel.accuracy?.value ?? NaN)).toFixed(1)} %`,
    ];
    console.log(`seed ${seed}: ${numbers.join(', ')}`);
  }
  console.log(file);
}

function whole(name, text) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} ${text} is not a whole number from 1`);
  process.exit(2);
}

await runMain(main);
