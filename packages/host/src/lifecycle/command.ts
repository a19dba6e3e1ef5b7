import { toPrintable } from '@ogong/protocol/base/printable';
import { writeNotesTo } from '../config/start-notes.ts';
import { nameAsTyped } from '../config/typed-commands.ts';
import { describeFailure, EXIT, getExitCode } from '../log/errors.ts';

/** Output of a command; the tests pass their own. */
export interface Output {
  write(text: string): void;
  writeError(text: string): void;
  /** Width of the terminal that shows `write`; undefined if it is no terminal. If not given: no terminal. */
  readColumns?(): number | undefined;
}

export interface Command {
  /** As it is typed after the program's name. */
  readonly name: string;
  readonly summary: string;
  /** @returns the exit code. */
  run(argv: readonly string[], output: Output): Promise<number>;
}

/** Any text may quote a stranger. A terminal gets it in printable characters, and so does standard error. A pipe gets the exact output. */
export const processOutput: Output = {
  write: (text) => void process.stdout.write(process.stdout.isTTY ? toPrintable(text) : text),
  writeError: (text) => void process.stderr.write(toPrintable(nameAsTyped(text, process.env))),
  readColumns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
};

/**
 * Runs a command as this process: any failure becomes one message and an exit code. The program ends quietly if the reader stops reading,
 * as `head` does.
 * @param name prefix of every message.
 */
export async function runCommand(name: string, run: (output: Output) => Promise<number>): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });
  // Nobody can receive the error.
  process.stderr.on('error', () => undefined);
  writeNotesTo(processOutput.writeError);
  try {
    process.exitCode = await run(processOutput);
  } catch (error) {
    processOutput.writeError(`${name}: ${describeFailure(error)}\n`);
    process.exitCode = getExitCode(error);
  }
}
