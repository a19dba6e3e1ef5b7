import { type ConfigDefinition, type ConfigFields, type Field, flagOf, listAliases } from './field.ts';
import { suggest } from './suggest.ts';

export interface GivenArguments {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly configPath: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

/** Splits the command line; `--flag value`, `--flag=value`, `--switch`, `--no-switch`, and `--` before bare words. */
export function parseArguments(
  definition: ConfigDefinition<ConfigFields>,
  argv: readonly string[],
  problems: string[],
): GivenArguments {
  const { fields, refusedFlags = {} } = definition;
  const named = Object.entries(fields).map(([name, field]) => ({ name, field }));
  // A field's own flag prevails over another field's alias.
  const byFlag = new Map([
    ...named.flatMap((one) => listAliases(one.field).flags.map((alias) => [alias, one] as const)),
    ...named.map((one) => [flagOf(one.name, one.field), one] as const),
  ]);
  const flags = new Map<string, string[]>();
  const positionals: string[] = [];
  let configPath: string | undefined;
  let help = false;
  let version = false;

  const add = (name: string, field: Field, text: string) => {
    const texts = flags.get(name) ?? [];
    if (texts.length > 0 && !field.repeatable) problems.push(`--${flagOf(name, field)} is given more than once`);
    flags.set(name, [...texts, text]);
  };

  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      positionals.push(...rest.splice(0));
    } else if (word === '--help' || word === '-h') {
      help = true;
    } else if (word === '--version' || word === '-V') {
      version = true;
    } else if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
    } else {
      const [, flag = '', inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const takeValue = (): string | undefined => {
        // A negative number is a value; anything else with a dash is the next flag.
        const value = inline ?? (rest[0] !== undefined && /^(?!-)|^-[\d.]/.test(rest[0]) ? rest.shift() : undefined);
        if (value === undefined) problems.push(`--${flag} needs a value`);
        return value;
      };
      const known = byFlag.get(flag);
      const negated = flag.startsWith('no-') ? byFlag.get(flag.slice(3)) : undefined;
      if (known?.field.boolean) {
        add(known.name, known.field, inline ?? 'true');
      } else if (known) {
        const value = takeValue();
        if (value !== undefined) add(known.name, known.field, value);
      } else if (negated?.field.boolean && inline === undefined) {
        add(negated.name, negated.field, 'false');
      } else if (flag === 'config') {
        configPath = takeValue();
      } else {
        const reason = Object.hasOwn(refusedFlags, flag) ? refusedFlags[flag] : undefined;
        const near = suggest(flag, [...byFlag.keys(), 'config', 'help', 'version'], '--');
        problems.push(
          reason === undefined ? `unknown flag ${word.split('=')[0]}${near}` : `--${flag} is refused: ${reason}`,
        );
        // Most unknown flags are misspelt and carry a value, so the next word is not a positional argument.
        if (inline === undefined && rest[0] !== undefined && !rest[0].startsWith('-')) rest.shift();
      }
    }
  }
  checkPositionals(positionals, definition, problems);
  return { flags, positionals, configPath, help, version };
}

function checkPositionals(
  given: readonly string[],
  { positionals: allowed, commands }: ConfigDefinition<ConfigFields>,
  problems: string[],
): void {
  const extra = given[allowed?.max ?? 0];
  const known =
    commands === undefined ? '' : `${suggest(extra ?? '', commands)}; the commands are ${commands.join(', ')}`;
  if (extra !== undefined) problems.push(`unexpected argument "${extra}"${known}`);
  if (allowed && given.length < (allowed.min ?? 0)) problems.push(`${allowed.label} is missing`);
}
