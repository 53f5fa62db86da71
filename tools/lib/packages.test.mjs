import { describe, expect, it } from 'vitest';
import { packagesMatch } from './packages.mjs';

const lockfile = {
  packages: {
    '': { version: '0.1.0' },
    'libs/model': { version: '0.1.0' },
    'node_modules/@plumbline/model': { link: true },
    'node_modules/pg': { version: '8.0.0' },
    'node_modules/binary-darwin': { version: '1.0.0', optional: true },
  },
};

function installed(changes) {
  return {
    packages: {
      'node_modules/@plumbline/model': { link: true },
      'node_modules/pg': { version: '8.0.0' },
      ...changes,
    },
  };
}

describe('packagesMatch', () => {
  it('accepts what npm ci leaves, without the binaries of other platforms', () => {
    expect(packagesMatch(lockfile, installed({}))).toBe(true);
  });

  it('refuses another version', () => {
    expect(packagesMatch(lockfile, installed({ 'node_modules/pg': { version: '8.0.1' } }))).toBe(false);
    expect(packagesMatch(lockfile, installed({ 'node_modules/binary-darwin': { version: '0.9.0' } }))).toBe(
      false,
    );
  });

  it('refuses a missing package and a missing workspace', () => {
    expect(packagesMatch(lockfile, installed({ 'node_modules/pg': undefined }))).toBe(false);
    expect(packagesMatch(lockfile, installed({ 'node_modules/@plumbline/model': undefined }))).toBe(false);
  });

  it('refuses an installation that was killed before npm recorded it', () => {
    expect(packagesMatch(lockfile, null)).toBe(false);
  });
});
