/** A study of over-optimisation: whether its configuration makes sense, and the configurations of the runs it starts. */
import type {
  ModelConfiguration,
  RewardModelSize,
  RunConfiguration,
  StudyMember,
} from '@plumbline/contracts';
import type { ConfigurationProblem } from './configuration-error.js';

export function studyProblems(configuration: RunConfiguration): ConfigurationProblem[] {
  const { study, step, sft, sample, reward, optimise } = configuration;
  if (study === undefined) return [];
  const problems: ConfigurationProblem[] = [];
  const refuse = (path: string, message: string) => problems.push({ path, message });
  if (step !== undefined) refuse('study', `a study is no single step (step is ${step})`);
  if (sft !== undefined) refuse('study', 'a study has no section sft');
  if (reward.comparisons !== undefined) refuse('reward.comparisons', 'study.labels says how many');
  if (optimise.algorithm === 'dpo' || optimise.algorithm === 'best-of-n') {
    refuse(
      'optimise.algorithm',
      `${optimise.algorithm} does not optimise against the reward model by degrees`,
    );
  }
  const sizes = study.rewardModels.map(({ layers, heads, width }) => `${layers} ${heads} ${width}`);
  for (const [i, { heads, width }] of study.rewardModels.entries()) {
    const path = `study.rewardModels.${i}`;
    if (width % heads !== 0) refuse(`${path}.width`, `${width} must be divisible by heads (${heads})`);
    if (sizes.indexOf(sizes[i]!) < i) refuse(path, 'the same size stands before');
  }
  const judged = sample.comparisons - sample.heldOut;
  for (const [i, labels] of study.labels.entries()) {
    if (labels > judged) {
      refuse(
        `study.labels.${i}`,
        `${labels} labels; there are ${judged} training comparisons (sample.comparisons − sample.heldOut)`,
      );
    }
    if (study.labels.indexOf(labels) < i) refuse(`study.labels.${i}`, `${labels} stands before`);
  }
  return problems;
}

/** Whether a reward model of this size starts from the policy's own pretrained model. */
export function hasSize(model: ModelConfiguration, { layers, heads, width }: RewardModelSize): boolean {
  return model.layers === layers && model.heads === heads && model.width === width;
}

/**
 * Configuration of a run that a study starts: pretraining a model of a size, or everything from the reward model on. The
 * value network starts from the pretrained model, whatever the reward model's size, so that nothing but the reward
 * model differs between them.
 */
export function memberConfiguration(study: RunConfiguration, member: StudyMember): RunConfiguration {
  const { study: studied, ...run } = study;
  const { layers, heads, width } = studied!.rewardModels[member.size]!;
  const size = `${layers}×${width}`;
  if (member.labels === undefined) {
    return {
      ...run,
      name: `${study.name}: pretraining ${size}`,
      step: 'pretrain',
      model: { ...study.model, layers, heads, width },
    };
  }
  const { reward, optimise } = study;
  const startsPretrained = optimise.algorithm === 'ppo' && optimise.value?.network !== 'shared';
  return {
    ...run,
    name: `${study.name}: ${size}, ${member.labels} labels`,
    reward: { ...reward, comparisons: member.labels },
    optimise: {
      ...optimise,
      ...(startsPretrained && { value: { network: 'separate', start: 'pretrained' } }),
    },
  };
}
