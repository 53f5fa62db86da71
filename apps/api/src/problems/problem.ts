import { ApiProperty } from '@nestjs/swagger';

export class FieldProblem {
  /** Dotted path of the key in the request or in the configuration. */
  @ApiProperty({ example: 'model.width' }) path!: string;
  @ApiProperty() message!: string;
}

/** RFC 9457, `application/problem+json`. */
export class Problem {
  @ApiProperty({ description: 'Names the kind of problem: `urn:plumbline:…`, or `about:blank`' })
  type!: string;
  @ApiProperty() title!: string;
  @ApiProperty({ type: 'integer' }) status!: number;
  @ApiProperty() detail!: string;
  @ApiProperty({ type: [FieldProblem], required: false }) errors?: FieldProblem[];
}

export type ProblemCode =
  | 'invalid-request'
  | 'invalid-configuration'
  | 'not-signed-in'
  | 'wrong-credentials'
  | 'csrf'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'lease-lost'
  | 'idempotency-key-reused'
  | 'too-many-requests'
  | 'unavailable';

const TITLES: Readonly<Record<ProblemCode, string>> = {
  'invalid-request': 'The request is not valid',
  'invalid-configuration': 'The configuration is not valid',
  'not-signed-in': 'Sign in first',
  'wrong-credentials': 'The e-mail address or the password is wrong',
  csrf: 'The request does not prove that it comes from the page',
  forbidden: 'Your role may not do this',
  'not-found': 'There is no such thing',
  conflict: 'This does not fit the present state',
  'lease-lost': 'The comparison is no longer yours to judge',
  'idempotency-key-reused': 'The idempotency key belongs to another request',
  'too-many-requests': 'Too many attempts; wait a minute',
  unavailable: 'A service that this needs does not answer',
};

const STATUSES: Readonly<Record<ProblemCode, number>> = {
  'invalid-request': 422,
  'invalid-configuration': 422,
  'not-signed-in': 401,
  'wrong-credentials': 401,
  csrf: 403,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'lease-lost': 409,
  'idempotency-key-reused': 409,
  'too-many-requests': 429,
  unavailable: 503,
};

/** Thrown anywhere in the API; the filter turns it into a problem document. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly errors?: readonly FieldProblem[],
  ) {
    super(detail);
  }

  toProblem(): Problem {
    return {
      type: `urn:plumbline:${this.code}`,
      title: TITLES[this.code],
      status: STATUSES[this.code],
      detail: this.detail,
      ...(this.errors === undefined ? {} : { errors: [...this.errors] }),
    };
  }
}
