import { ConfigError } from '@ogong/host/config/config-error';
import type { Config } from '@ogong/host/config/define-config';
import type { ConfigFields, Values } from '@ogong/host/config/field';

/**
 * A command of the operator beside the daemon. @returns the text to print before it ends. @throws ConfigError,
 * ChainError, KeyFileError, SignerError, StoreError
 */
export type ValidatorCommand = (
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
) => Promise<string>;

/** Result of a command: one line of JSON. */
export type CommandAnswer = Readonly<Record<string, unknown>>;

/** @param act receives the command's name for its errors. */
export function createCommand<S extends ConfigFields>(
  config: Config<S>,
  act: (values: Values<S>, name: string) => Promise<CommandAnswer>,
): ValidatorCommand {
  return async (argv, env) => {
    const parsed = config.parse(argv, env);
    if (parsed.kind === 'print') return parsed.text;
    return `${JSON.stringify(await act(parsed.values, config.definition.name))}\n`;
  };
}

/** @throws ConfigError if there is nothing to sign or to submit. */
export function assertFound<T>(found: T | undefined, name: string, problem: string): T {
  if (found === undefined) throw new ConfigError(name, [problem]);
  return found;
}
