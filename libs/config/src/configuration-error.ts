export interface ConfigurationProblem {
  /** Dotted path of the key, as in the YAML file: `model.width`. */
  readonly path: string;
  readonly message: string;
}

/** A configuration that is refused; the message has one line per problem, each with the key's path. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly ConfigurationProblem[]) {
    super(problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n'));
    this.name = 'ConfigurationError';
  }
}
