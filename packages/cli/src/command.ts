/** What a command writes to; the tests pass their own. */
export interface Output {
  write(text: string): void;
  writeError(text: string): void;
}

export interface Command {
  /** As it is typed after `ogong`. */
  readonly name: string;
  readonly summary: string;
  /** @returns the exit code. */
  run(argv: readonly string[], output: Output): Promise<number>;
}

export const processOutput: Output = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
};
