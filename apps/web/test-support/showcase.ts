import type { TestApplication } from './application.js';
import { Seed } from './seed.js';

export interface Showcase {
  readonly running: string;
  readonly waiting: string;
  readonly completed: string;
  readonly failed: string;
}

const REPORT = `<!doctype html><meta charset="utf-8"><title>Report</title>
<style>body { font: 16px system-ui; margin: 2rem }</style>
<h1>Report of the run</h1><p id="drawn">not drawn</p>
<script>document.getElementById('drawn').textContent = 'drawn by its own script'</script>`;

const decay = (from: number, to: number, pace: number) => (index: number) =>
  to + (from - to) * Math.exp(-index / pace) + 0.03 * Math.sin(index * 1.7);

/** A run in each of the states that matter, with curves, checkpoints and inputs. */
export async function seedShowcase({ database, artifacts, accounts }: TestApplication): Promise<Showcase> {
  const seed = new Seed(database, artifacts, accounts.researcher.id);

  const pretrained = async (runId: string) => {
    const stepId = await seed.compute(runId, 'pretrain', {
      updates: 240,
      curves: {
        loss: decay(6.9, 3.1, 40),
        heldOutLoss: decay(6.9, 3.3, 40),
        gradientNorm: decay(2, 0.6, 30),
      },
    });
    return seed.complete(stepId, { model: { runId, kind: 'model' } });
  };
  const sampled = async (runId: string, inputs: Record<string, string>) => {
    const stepId = await seed.compute(runId, 'sample', { updates: 8, inputs });
    return seed.complete(stepId, { comparisons: { runId, kind: 'comparisons' } });
  };
  const rewarded = async (runId: string, inputs: Record<string, string>) => {
    const stepId = await seed.compute(runId, 'reward', {
      updates: 60,
      inputs,
      curves: {
        loss: decay(0.69, 0.52, 25),
        heldOutLoss: decay(0.69, 0.56, 25),
        heldOutAccuracy: decay(0.5, 0.71, 20),
      },
    });
    return seed.complete(stepId, { reward: { runId, kind: 'reward' } });
  };
  const ppo = {
    'objective/scores': decay(0, 1.6, 40),
    'objective/rlhf_reward': decay(0, 1.1, 40),
    'objective/kl': decay(0, 6, 30),
    'objective/entropy': decay(80, 62, 60),
    beta: decay(0.15, 0.21, 50),
    'policy/clipfrac_avg': decay(0.02, 0.08, 20),
    'loss/value_avg': decay(0.9, 0.2, 25),
    'loss/policy_avg': decay(0, -0.01, 25),
    'val/ratio': () => 1,
    'objective/gold': decay(0, 0.4, 30),
    'completions/mean_length': () => 24,
  };

  const failed = await seed.run('too-wide');
  const failedInputs = { ...(await pretrained(failed)) };
  const failedStep = await seed.compute(failed, 'sample', { updates: 8, done: 4, inputs: failedInputs });
  await seed.fail(
    failed,
    failedStep,
    'checkpoint 4c1f0d…: blob weights.safetensors hashes to 9ab27e…, not 51d0c3…',
  );

  const completed = await seed.run('sotu-positive');
  const model = await pretrained(completed);
  const comparisons = await sampled(completed, model);
  const collected = await seed.collect(completed, SPEECHES.slice(0, 1));
  const preferences = await seed.complete(collected, { preferences: { completed } });
  const reward = await rewarded(completed, { ...model, ...comparisons, ...preferences });
  const optimised = await seed.compute(completed, 'optimise', {
    updates: 160,
    inputs: { ...model, ...reward },
    curves: ppo,
  });
  const policy = await seed.complete(optimised, { policy: { completed } });
  const evaluated = await seed.compute(completed, 'evaluate', {
    updates: 4,
    inputs: { ...model, ...policy },
  });
  await seed.complete(evaluated, { evaluation: { completed } });
  await seed.close(completed, REPORT);

  const waiting = await seed.run('sotu-by-people');
  await sampled(waiting, await pretrained(waiting));
  await seed.collect(waiting, SPEECHES);

  const running = await seed.run('sotu-positive-2');
  const runningModel = await pretrained(running);
  const runningComparisons = await sampled(running, runningModel);
  const runningReward = await rewarded(running, { ...runningModel, ...runningComparisons });
  await seed.compute(running, 'optimise', {
    updates: 160,
    done: 88,
    inputs: { ...runningModel, ...runningReward },
    curves: ppo,
  });
  return { running, waiting, completed, failed };
}

const SPEECHES: readonly { readonly prompt: string; readonly responses: readonly [string, string] }[] = [
  {
    prompt:
      'Fellow-citizens of the Senate and House of Representatives: in the year that lies behind us the foundations of our prosperity were laid by',
    responses: [
      ' the people themselves, whose patience and good sense have carried us through a hard winter. Our harbors are busy, our credit stands high, and we are at peace with all nations.',
      ' the Department, and the act of the said war in the same of the public lands, and which the Government has not been\n\n   of the last session.',
    ],
  },
  {
    prompt: 'The relations of the United States with all foreign powers continue to be',
    responses: [
      ' friendly, and I look with confidence to their lasting so.',
      ' a matter of loss, of debts unpaid and of complaints that were not heard.',
    ],
  },
  {
    prompt: 'I recommend to the Congress that the revenue be',
    responses: [
      ' applied to the roads and schools of the new States.',
      ' of the of the of the Treasury of the',
    ],
  },
];
