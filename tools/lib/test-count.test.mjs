import { describe, expect, it } from 'vitest';
import { countTests, failures } from './test-count.mjs';

const file = (status, ...assertions) => ({
  status,
  assertionResults: assertions.map((each) => ({ status: each })),
});

describe('countTests', () => {
  it('counts what the runner counted', () => {
    const testResults = [file('passed', 'passed', 'passed'), file('failed', 'failed', 'passed')];
    expect(countTests({ numPassedTests: 3, numFailedTests: 1, testResults }, 1)).toEqual({
      passed: 3,
      failed: 1,
    });
  });

  it('counts a file that did not load', () => {
    const testResults = [file('passed', 'passed'), file('failed')];
    expect(countTests({ numPassedTests: 1, numFailedTests: 0, testResults }, 1)).toEqual({
      passed: 1,
      failed: 1,
    });
  });

  it('counts an error outside every test, and a runner that died', () => {
    const testResults = [file('passed', 'passed')];
    expect(countTests({ numPassedTests: 1, numFailedTests: 0, testResults }, 1)).toEqual({
      passed: 1,
      failed: 1,
    });
    expect(countTests(null, 137)).toEqual({ passed: 0, failed: 1 });
  });
});

describe('failures', () => {
  it('names file, test and reason of each, and a file that did not load', () => {
    const testResults = [
      {
        name: 'a.test.ts',
        status: 'failed',
        assertionResults: [
          { status: 'passed', fullName: 'adds' },
          {
            status: 'failed',
            fullName: 'divides by zero',
            failureMessages: ['Error: expected 1\n    at a:1'],
          },
        ],
      },
      { name: 'b.test.ts', status: 'failed', message: 'Cannot find module c\nat b', assertionResults: [] },
      { name: 'c.test.ts', status: 'passed', assertionResults: [{ status: 'passed', fullName: 'is' }] },
    ];
    expect(failures({ testResults })).toEqual([
      'a.test.ts › divides by zero: Error: expected 1',
      'b.test.ts: Cannot find module c',
    ]);
    expect(failures(null)).toEqual([]);
  });
});
