/**
 * The weights of several reward models in one checkpoint, and the one score that they make together: the first member
 * under the names that a reward model alone has, the others under `member.1.`, `member.2.`, …
 */
import type { TensorMap } from '@plumbline/artifacts';
import type { ModelConfiguration, RewardConfiguration } from '@plumbline/contracts';
import { parameterShapes, scalarHeadShapes } from '@plumbline/model';

/** Prefix of a member's parameters. */
function prefixOf(member: number): string {
  return member === 0 ? '' : `member.${member}.`;
}

/** Shapes that a checkpoint of so many members has beside those of the first one's transformer. */
export function ensembleShapes(
  model: ModelConfiguration,
  members: number,
): Record<string, readonly number[]> {
  const heads = scalarHeadShapes(model.width);
  const all = { ...heads };
  for (let member = 1; member < members; member++) {
    Object.assign(all, prefixed({ ...parameterShapes(model), ...heads }, member));
  }
  return all;
}

/** One member's weights under the names of a reward model alone. */
export function memberWeights(weights: TensorMap, member: number): TensorMap {
  const prefix = prefixOf(member);
  const own = Object.entries(weights).filter(([name]) =>
    member === 0 ? !name.startsWith('member.') : name.startsWith(prefix),
  );
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The weights of all members in one map; one alone keeps its names. */
export function joinedMembers(members: readonly TensorMap[]): TensorMap {
  return Object.assign({}, ...members.map(prefixed)) as TensorMap;
}

function prefixed<T>(record: Readonly<Record<string, T>>, member: number): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [`${prefixOf(member)}${name}`, value]),
  );
}

/** How many members make one score, and how. */
export type Aggregation = Required<Pick<RewardConfiguration, 'ensemble' | 'aggregation' | 'conservatism'>>;

/** Where a configuration says nothing: one reward model; of several, the mean. */
export function aggregationOf(settings: Partial<RewardConfiguration> = {}): Aggregation {
  const { ensemble = 1, aggregation = 'mean', conservatism = 1 } = settings;
  return { ensemble, aggregation, conservatism };
}

/**
 * One score a sequence from those of all members [member][sequence]: their mean, or `conservative`, their mean minus
 * k times their standard deviation (over members, not the sample's). Coste et al. (2023, "Reward model ensembles help
 * mitigate overoptimization") take the variance times λ for the standard deviation times k: the deviation keeps the
 * penalty in the unit of the score, so that it follows when scores are normalised.
 */
export function aggregated(
  scores: readonly ArrayLike<number>[],
  { aggregation, conservatism }: Pick<Aggregation, 'aggregation' | 'conservatism'>,
): Float32Array {
  const first = scores[0]!;
  if (scores.length === 1) return Float32Array.from(first);
  const k = aggregation === 'conservative' ? conservatism : 0;
  return Float32Array.from({ length: first.length }, (_, sequence) => {
    const mean = scores.reduce((sum, member) => sum + member[sequence]!, 0) / scores.length;
    const variance = scores.reduce((sum, member) => sum + (member[sequence]! - mean) ** 2, 0) / scores.length;
    return mean - k * Math.sqrt(variance);
  });
}
