import { describe, expect, it } from 'vitest';
import { ConfigurationError, hasSize, memberConfiguration, resolveConfiguration } from './index.js';

const SMALL = { layers: 1, heads: 2, width: 32 };
const AS_POLICY = { layers: 2, heads: 4, width: 64 };
const input = {
  name: 'study',
  model: { ...AS_POLICY, vocabulary: 512 },
  sample: { comparisons: 1000, heldOut: 200 },
  study: { rewardModels: [SMALL, AS_POLICY], labels: [100, 800] },
};

function problems(changes: object): string[] {
  try {
    resolveConfiguration({ ...input, ...changes });
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error.problems.map(({ path, message }) => `${path}: ${message}`);
    }
    throw error;
  }
  return [];
}

const study = (changes: object): object => ({ study: { ...input.study, ...changes } });

describe('configuration of a study', () => {
  it('is accepted', () => {
    expect(problems({})).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    [
      'more labels than comparisons',
      study({ labels: [801] }),
      /^study\.labels\.0: 801 labels; there are 800/,
    ],
    ['a number of labels twice', study({ labels: [100, 100] }), /^study\.labels\.1: 100 stands before/],
    ['no labels', study({ labels: [] }), /^study\.labels: /],
    ['labels that are no counts', study({ labels: [1.5] }), /^study\.labels: /],
    ['a size twice', study({ rewardModels: [SMALL, SMALL] }), /^study\.rewardModels\.1: the same size/],
    [
      'a width that the heads do not divide',
      study({ rewardModels: [{ ...SMALL, heads: 3 }] }),
      /^study\.rewardModels\.0\.width: 32 must be divisible by heads \(3\)/,
    ],
    [
      'a size that lacks something',
      study({ rewardModels: [{ layers: 1 }] }),
      /^study\.rewardModels\.0\.heads: /,
    ],
    ['an unknown key', study({ label: [1] }), /^study\.label: unknown key/],
    ['labels said twice', { reward: { comparisons: 10 } }, /^reward\.comparisons: study\.labels says/],
    ['offline optimisation', { optimise: { algorithm: 'dpo' } }, /^optimise\.algorithm: dpo/],
    [
      'a single step',
      { step: 'sample', inputs: { model: 'a'.repeat(64) } },
      /^study: a study is no single step/,
    ],
  ])('refuses %s', (_, changes, expected) => {
    expect(problems(changes)).toContainEqual(expect.stringMatching(expected));
  });
});

describe('the runs of a study', () => {
  const resolved = resolveConfiguration(input);

  it('pretrain the sizes that the policy does not have, and nothing else', () => {
    expect(hasSize(resolved.model, SMALL)).toBe(false);
    expect(hasSize(resolved.model, AS_POLICY)).toBe(true);
    const member = memberConfiguration(resolved, { size: 0 });
    expect(member).toMatchObject({ step: 'pretrain', model: { ...SMALL, vocabulary: 512 } });
    expect(member.pretrain).toEqual(resolved.pretrain);
  });

  it('differ in nothing but the reward model, and are configurations of their own', () => {
    const members = [0, 1].flatMap((size) =>
      [100, 800].map((labels) => memberConfiguration(resolved, { size, labels })),
    );
    expect(new Set(members.map(({ name }) => name)).size).toBe(4);
    for (const { name, reward, ...rest } of members) {
      expect(reward).toEqual({ ...resolved.reward, comparisons: Number(/(\d+) labels/.exec(name)![1]) });
      expect(rest.model).toEqual(resolved.model);
      expect(rest.optimise.value).toEqual({ network: 'separate', start: 'pretrained' });
      expect(rest).not.toHaveProperty('study');
      expect(resolveConfiguration({ name, reward, ...rest })).toEqual({ name, reward, ...rest });
    }
  });
});
