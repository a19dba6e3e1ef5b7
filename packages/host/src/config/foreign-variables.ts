import { type ConfigDefinition, type ConfigFields, listAliases } from './field.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables with this prefix steer other engines. None of them is ignored in silence. */
const FAMILY = /^LLAMAMP_/;

const CONTRACTS = 'use --deployment (OGONG_DEPLOYMENT), a file that names the contracts';
const setsFlag = (flag: string): string => `it sets --${flag} of ogong-provider, for commands that have this flag`;

/** Variables of other programs that users may have set, each with its replacement. */
export const FOREIGN_VARIABLES: Readonly<Record<string, string>> = {
  LLAMAMP_NGL: setsFlag('gpu-layers'),
  LLAMAMP_N_CTX: setsFlag('n-ctx'),
  LLAMAMP_CACHE_TYPE_K: setsFlag('kv-type'),
  LLAMAMP_CACHE_TYPE_V: setsFlag('value-type'),
  LLAMAMP_PARALLEL: setsFlag('sequences'),
  LLAMAMP_FLASH_ATTN: setsFlag('flash-attention'),
  LLAMAMP_BATCH_SIZE: setsFlag('batch-size'),
  LLAMAMP_NCMOE: setsFlag('cpu-experts'),
  LLAMAMP_DRAFT_MODEL: setsFlag('draft-model'),
  LLAMAMP_CACHE_REUSE: 'earlier prompts are reused without it; see --prefix-cache of ogong-provider serve',
  LLAMAMP_MOE_CACHE_SLOTS: 'use --experts-on-cpu, or --cpu-experts for the first layers alone',
  LLAMAMP_SPEC_TYPE: 'use --draft-model for a draft model, or --drafts for guesses from repetitions of the text',
  LLAMAMP_RPC_SERVERS: 'use ogong-provider segment on the other machines, and --with of ogong-provider local here',
  LLAMAMP_COMMIT: 'use ogong-provider serve, which commits every reply',
  OGONG_PROGRAM_ID: CONTRACTS,
  OGONG_MINT: CONTRACTS,
  OGONG_AUTHORITY_KEYPAIR: 'use --keypair (OGONG_VALIDATOR_KEYPAIR) of ogong-validatord',
  OGONG_FEE_OWNERS: 'use ogong payee: each provider names the account of its fees',
  OGONG_PROVIDER_API_KEY: 'use the keys in --data-dir (OGONG_PROVIDER_DATA_DIR): no account is needed',
};

/** Explains each variable of other programs that is set and changes nothing here, one line each. */
export function explainForeignVariables(
  { name: command, fields, passesEnvironment }: ConfigDefinition<ConfigFields>,
  env: Environment,
): readonly string[] {
  if (passesEnvironment) return [];
  const own = new Set(Object.values(fields).map((field) => field.env));
  const aliases = new Map(
    Object.values(fields).flatMap((field) => listAliases(field).variables.map((alias) => [alias, field] as const)),
  );
  return Object.keys(env).flatMap((name) => {
    const isForeign = FAMILY.test(name) || Object.hasOwn(FOREIGN_VARIABLES, name);
    if (!isForeign || !env[name] || own.has(name)) return [];
    const replaced = aliases.get(name);
    if (replaced === undefined) return [`${name} has no effect on ${command}: ${adviseOn(name)}`];
    const isOverruled = replaced.env !== undefined && Boolean(env[replaced.env]);
    return isOverruled ? [`${name} has no effect: ${replaced.env} is set, too, and prevails`] : [];
  });
}

const adviseOn = (name: string): string =>
  (Object.hasOwn(FOREIGN_VARIABLES, name) ? FOREIGN_VARIABLES[name] : undefined) ??
  'no setting has this name; docs/reference/documented-names.md lists the replacements';
