import type { Secret } from '../crypto/secret.ts';
import type { ValueSchema } from './values.ts';

/** One setting: its sources, its meaning, and the form of its value. */
export interface Field<T = unknown> {
  readonly schema: ValueSchema<T>;
  readonly description: string;
  /** Without dashes; the field's name in kebab-case when absent. */
  readonly flag?: string;
  /** Environment variable; derived from command and flag when absent. */
  readonly env?: string;
  /** Names of this setting in other programs. Its own flag and variable prevail. */
  readonly aliases?: FieldAliases;
  /** As a user would write it; parsed like any other value. */
  readonly default?: string;
  readonly required?: boolean;
  /** A switch: `--relay` and `--no-relay`, false by default. */
  readonly boolean?: boolean;
  /** May be given several times; comma-separated in the environment; an array in the file. */
  readonly repeatable?: boolean;
  /**
   * Names of other fields that say the same in another way. If this field comes as a flag, the environment and the file count for none of
   * these fields. So a command line prevails over the exported variables of a shell.
   */
  readonly replaces?: readonly string[];
  /** Never shown, and wrapped so that it never prints. */
  readonly secret?: boolean;
  /** The placeholder for the value in the help, such as `<path>`. */
  readonly label?: string;
}

export interface FieldAliases {
  /** Without dashes. */
  readonly flags?: readonly string[];
  readonly variables?: readonly string[];
}

export type ConfigFields = Readonly<Record<string, Field>>;

type Parsed<F extends Field> = F extends { readonly schema: ValueSchema<infer T> }
  ? F extends { readonly secret: true }
    ? Secret<T>
    : T
  : never;

type Present<F extends Field> = F extends
  | { readonly default: string }
  | { readonly required: true }
  | { readonly boolean: true }
  ? Parsed<F>
  : Parsed<F> | undefined;

export type Values<S extends ConfigFields> = {
  readonly [K in keyof S]: S[K] extends { readonly repeatable: true } ? readonly Parsed<S[K]>[] : Present<S[K]>;
};

export interface ConfigDefinition<S extends ConfigFields> {
  /** The command, as a user types it. */
  readonly name: string;
  readonly summary: string;
  readonly version?: string;
  readonly fields: S;
  /** Arguments that are no flags; none are accepted when absent. */
  readonly positionals?: { readonly label: string; readonly min?: number; readonly max: number };
  /** Flags of other programs that are refused, without dashes, each with a text that names the replacement. */
  readonly refusedFlags?: Readonly<Record<string, string>>;
  /** The command gives its environment to another command, which explains variables without effect. */
  readonly passesEnvironment?: boolean;
  /** Subcommands: first words by which the same program does something else, each with its own help. */
  readonly commands?: readonly string[];
  /** Whole command lines, for the end of the help. */
  readonly examples?: readonly string[];
}

export function flagOf(name: string, field: Field): string {
  return field.flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const listAliases = ({ aliases }: Field): Required<FieldAliases> => ({
  flags: aliases?.flags ?? [],
  variables: aliases?.variables ?? [],
});

/** `--bind (or OGONG_ROUTER_BIND)`. */
export function nameSources(name: string, field: Field): string {
  return `--${flagOf(name, field)}${field.env === undefined ? '' : ` (or ${field.env})`}`;
}

/** Every flag has an environment variable: `--audits` of `ogong-validatord` is OGONG_VALIDATOR_AUDITS if none is named. */
export function nameVariables<S extends ConfigFields>(definition: ConfigDefinition<S>): ConfigDefinition<S> {
  const command = definition.name.replace(/^(ogong-[a-z]+?)d\b/, '$1');
  const variable = (name: string, field: Field): string =>
    `${command} ${flagOf(name, field)}`.replace(/[^a-z0-9]+/gi, '_').toUpperCase();
  const fields = Object.fromEntries(
    Object.entries(definition.fields).map(([name, field]) => [name, { env: variable(name, field), ...field }]),
  ) as unknown as S;
  return { ...definition, fields };
}
