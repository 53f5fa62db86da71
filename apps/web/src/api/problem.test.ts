import { describe, expect, it } from 'vitest';
import { ApiError, isTransient, NetworkError } from './problem.js';

describe('ApiError.from', () => {
  it('reads a problem document with the fields at fault', () => {
    const error = ApiError.from(422, {
      title: 'Invalid configuration',
      detail: '1 key is wrong',
      errors: [{ path: 'model.width', message: 'is not divisible by heads' }, 'nonsense'],
    });
    expect(error).toMatchObject({ status: 422, message: '1 key is wrong' });
    expect(error.fields).toEqual([{ path: 'model.width', message: 'is not divisible by heads' }]);
  });

  it.each([undefined, null, 'Bad Gateway', 7])('makes do with the status when the body is %j', (body) => {
    expect(ApiError.from(502, body).message).toContain('502');
  });
});

describe('isTransient', () => {
  it('tells what may succeed later from what will not', () => {
    const answers = (status: number) => isTransient(new ApiError(status, 'about:blank', '', '', []));
    expect([500, 502, 503, 429, 408].map(answers)).toEqual([true, true, true, true, true]);
    expect([400, 401, 403, 404, 409, 422].map(answers)).not.toContain(true);
    expect(isTransient(new NetworkError('x'))).toBe(true);
    expect(isTransient(new TypeError('a bug'))).toBe(false);
  });
});
