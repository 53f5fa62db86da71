import { describe, expect, it } from 'vitest';
import { displayOrder } from './display-order.js';

describe('displayOrder', () => {
  it('is a permutation that depends on seed, comparison and ordinal alone', () => {
    for (let count = 2; count <= 6; count += 1) {
      const order = displayOrder(7, 'a', 0, count);
      expect([...order].sort()).toEqual(Array.from({ length: count }, (_, index) => index));
      expect(displayOrder(7, 'a', 0, count)).toEqual(order);
    }
    const orders = new Set<string>();
    for (const [seed, key, ordinal] of [
      [7, 'a', 0],
      [8, 'a', 0],
      [7, 'b', 0],
      [7, 'a', 1],
    ] as const) {
      orders.add(displayOrder(seed, key, ordinal, 8).join());
    }
    expect(orders.size).toBe(4);
  });

  it('shows every order equally often', () => {
    const counts = new Map<string, number>();
    const draws = 6000;
    for (let index = 0; index < draws; index += 1) {
      const order = displayOrder(1, `comparison-${index}`, 0, 3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Five standard deviations of a binomial count.
    const tolerance = 5 * Math.sqrt(draws * (1 / 6) * (5 / 6));
    for (const count of counts.values()) expect(Math.abs(count - draws / 6)).toBeLessThan(tolerance);
  });
});
