import { readFileSync } from 'node:fs';
import { Secret } from '../crypto/secret.ts';
import { VERSION } from '../version.ts';
import { parseArguments } from './arguments.ts';
import { ConfigError } from './config-error.ts';
import { type ReadText, readConfigFile } from './config-file.ts';
import {
  type ConfigDefinition,
  type ConfigFields,
  type Field,
  listAliases,
  nameSources,
  nameVariables,
  type Values,
} from './field.ts';
import { explainForeignVariables } from './foreign-variables.ts';
import { formatHelp } from './help.ts';
import { noteOnce } from './start-notes.ts';
import { explainTyping } from './typed-commands.ts';

export type ParseResult<S extends ConfigFields> =
  | { readonly kind: 'run'; readonly values: Values<S>; readonly positionals: readonly string[] }
  /** Print this on standard output, then exit. */
  | { readonly kind: 'print'; readonly text: string };

export interface Config<S extends ConfigFields> {
  readonly definition: ConfigDefinition<S>;
  /**
   * Flags win over the environment, the environment over the file named by `--config`, and that file over defaults.
   * @param argv without the program's own name.
   * @throws ConfigError with every problem that was found, not just the first.
   */
  parse(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): ParseResult<S>;
}

interface Found {
  /** Source of the value, printed after it; empty for a flag. */
  readonly origin: string;
  readonly texts: readonly string[];
}

/** @param note writes a line for each variable that is set and has no effect. Default: to standard error. */
export function defineConfig<const S extends ConfigFields>(
  declared: ConfigDefinition<S>,
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
  note: (line: string) => void = noteOnce,
): Config<S> {
  const definition = nameVariables({ version: VERSION, ...declared });
  const fields = Object.entries(definition.fields);

  return {
    definition,
    parse(argv, env) {
      const problems: string[] = [];
      const given = parseArguments(definition, argv, problems);
      if (given.help)
        return { kind: 'print', text: formatHelp(definition) + explainTyping(programOf(definition.name), env) };
      if (given.version) return { kind: 'print', text: `${definition.name} ${definition.version}\n` };
      explainForeignVariables(definition, env).forEach(note);
      const file =
        given.configPath === undefined ? {} : readConfigFile(definition, given.configPath, readText, problems);

      const replaced = new Set(fields.flatMap(([name, { replaces = [] }]) => (given.flags.has(name) ? replaces : [])));

      const find = (name: string, field: Field): Found | undefined => {
        const flagged = given.flags.get(name);
        if (flagged) return { origin: '', texts: flagged };
        if (replaced.has(name)) return undefined;
        // An empty variable is how shells and unit files say "not set".
        const variable = [field.env, ...listAliases(field).variables].find((each) => each !== undefined && env[each]);
        const text = variable === undefined ? undefined : env[variable];
        if (text) return { origin: ` in ${variable}`, texts: field.repeatable ? splitList(text) : [text] };
        const texts = file[name];
        if (texts) return { origin: ` in ${given.configPath}`, texts };
        const fallback = field.default ?? (field.boolean ? 'false' : undefined);
        return fallback === undefined ? undefined : { origin: ' by default', texts: [fallback] };
      };

      const values = fields.map(([name, field]) => [name, readField(name, field, find(name, field), problems)]);
      if (problems.length > 0) throw new ConfigError(definition.name, problems);
      return { kind: 'run', values: Object.fromEntries(values) as Values<S>, positionals: given.positionals };
    },
  };
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part.length > 0);
}

function readField(name: string, field: Field, found: Found | undefined, problems: string[]): unknown {
  if (!found) {
    if (field.required) problems.push(`${nameSources(name, field)} is required: ${field.description}`);
    return field.repeatable ? [] : undefined;
  }
  const values = found.texts.map((text) => readValue(name, field, found.origin, text, problems));
  return field.repeatable ? values : values.at(-1);
}

function readValue(name: string, field: Field, origin: string, text: string, problems: string[]): unknown {
  const result = field.schema.safeParse(text);
  if (result.success) return field.secret ? new Secret(result.data) : result.data;
  const shown = field.secret ? 'what was given' : `"${text}"`;
  const expected = result.error.issues.map((issue) => issue.message).join('; ');
  problems.push(`${nameSources(name, field)}: ${shown}${origin} does not fit, ${expected}`);
  return undefined;
}

/** `ogong-provider` of `ogong-provider list`. */
const programOf = (name: string): string => name.split(' ')[0] as string;
