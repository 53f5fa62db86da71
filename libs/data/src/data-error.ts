/** Where in the user's data something is wrong. */
export interface DataLocation {
  /** The configuration's key that named the data. */
  readonly key: string;
  /** Absolute path of the file or folder. */
  readonly path?: string;
  /** 1 for a file's first line. */
  readonly line?: number;
}

/** Data that cannot be read or used; the message names the configuration's key, the file and the line. */
export class DataError extends Error {
  override readonly name = 'DataError';

  constructor(
    readonly location: DataLocation,
    /** What is wrong, without the place. */
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    const { key, path, line } = location;
    const place = path === undefined ? '' : `${path}${line === undefined ? '' : `:${line}`}: `;
    super(`${key}: ${place}${problem}`, options);
  }
}
