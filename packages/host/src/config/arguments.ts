import { parseArgs } from 'node:util';
import { type ConfigDefinition, type Fields, flagOf } from './field.ts';
import { suggest } from './suggest.ts';

export interface GivenArguments {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly configPath: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

const BUILT_IN = {
  config: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

/** Splits the command line; `--flag value`, `--flag=value`, `--switch`, `--no-switch`, and `--` before bare words. */
export function parseArguments(
  { fields, positionals: allowed }: ConfigDefinition<Fields>,
  argv: readonly string[],
  problems: string[],
): GivenArguments {
  const names = new Map(Object.entries(fields).map(([name, field]) => [flagOf(name, field), name]));
  const types = [...names].map(
    ([flag, name]) => [flag, { type: fields[name]?.boolean ? 'boolean' : 'string' }] as const,
  );
  // Not strict: parseArgs would throw at the first mistake, and a user is told of all of them.
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...Object.fromEntries(types), ...BUILT_IN },
    strict: false,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const positionals: string[] = [];
  const builtIn = new Map<string, string>();
  // Where an unknown flag stands that may carry a value.
  let unknownAt: number | undefined;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // Most unknown flags are misspelt and carry their value: it is no argument of its own.
      if (unknownAt === undefined || token.index !== unknownAt + 1) positionals.push(token.value);
      continue;
    }
    const positive = /^no-(.*)$/s.exec(token.name)?.[1] ?? '';
    const isNegated = token.value === undefined && fields[names.get(positive) ?? '']?.boolean === true;
    const flag = isNegated ? positive : token.name;
    const name = names.get(flag);
    const field = name === undefined ? undefined : fields[name];
    if (!field && !Object.hasOwn(BUILT_IN, flag)) {
      const word = (argv[token.index] as string).split('=')[0] as string;
      const known = [...names.keys(), ...Object.keys(BUILT_IN)];
      // `-bind` is four short flags to parseArgs, and one mistake to its user.
      if (token.index !== unknownAt)
        problems.push(`unknown flag ${word}${suggest(word.replace(/^-+/, ''), known, '--')}`);
      unknownAt = token.value === undefined ? token.index : undefined;
      continue;
    }
    const isSwitch = field ? field.boolean : flag !== 'config';
    const text = isSwitch ? (token.value ?? String(!isNegated)) : token.value;
    // A negative number is a value; anything else with a dash is the next flag.
    if (text === undefined || (token.inlineValue === false && /^-(?![\d.])/.test(text))) {
      problems.push(`--${flag} needs a value`);
    } else if (name === undefined) {
      builtIn.set(flag, text);
    } else {
      const texts = flags.get(name) ?? [];
      if (texts.length > 0 && !field?.repeatable) problems.push(`--${flag} is given more than once`);
      flags.set(name, [...texts, text]);
    }
  }
  checkPositionals(positionals, allowed, problems);
  return {
    flags,
    positionals,
    configPath: builtIn.get('config'),
    help: builtIn.has('help'),
    version: builtIn.has('version'),
  };
}

function checkPositionals(
  given: readonly string[],
  allowed: ConfigDefinition<Fields>['positionals'],
  problems: string[],
): void {
  const extra = given[allowed?.max ?? 0];
  if (extra !== undefined) problems.push(`unexpected argument "${extra}"`);
  if (allowed && given.length < (allowed.min ?? 0)) problems.push(`${allowed.label} is missing`);
}
