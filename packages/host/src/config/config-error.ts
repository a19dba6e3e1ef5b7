/** Wrong flags, variables or config file. The user can correct it; nothing has started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'usage';
  readonly retryable = false;
  readonly problems: readonly string[];

  constructor(command: string, problems: readonly string[]) {
    super([...problems, `see ${command} --help`].join('\n'));
    this.problems = problems;
  }
}
