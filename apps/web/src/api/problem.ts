/** One refused field of a request: where it is and what is wrong with it. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** The API answered with an error: an RFC 9457 problem document, or at least a status. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** `urn:plumbline:…`, or `about:blank` where the status says it all. */
    readonly type: string,
    readonly title: string,
    readonly detail: string,
    readonly fields: readonly FieldProblem[],
  ) {
    super(detail === '' ? title : detail);
    this.name = 'ApiError';
  }

  /** Reads whatever body came with a failed response; anything but a problem document leaves the status to speak. */
  static from(status: number, body: unknown): ApiError {
    const problem = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    const type = typeof problem.type === 'string' ? problem.type : 'about:blank';
    const title =
      typeof problem.title === 'string' ? problem.title : `The server answered ${String(status)}.`;
    const detail = typeof problem.detail === 'string' ? problem.detail : '';
    const errors = Array.isArray(problem.errors) ? (problem.errors as unknown[]) : [];
    return new ApiError(status, type, title, detail, errors.filter(isFieldProblem));
  }
}

/** No answer came: the server is down or the network is. */
export class NetworkError extends Error {
  constructor(cause: unknown) {
    super('The server cannot be reached.', { cause });
    this.name = 'NetworkError';
  }
}

/** True where the same request may well succeed later: nothing arrived, or the server was not able to answer. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof ApiError && (error.status >= 500 || error.status === 408 || error.status === 429);
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** One sentence for people. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isFieldProblem(value: unknown): value is FieldProblem {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as FieldProblem).path === 'string' &&
    typeof (value as FieldProblem).message === 'string'
  );
}
