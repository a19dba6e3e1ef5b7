import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import type { ModelDescription, ModelVersion, RegistryName } from '@ogong/chain/registry/model-registry';
import { resolveModel } from '@ogong/engine/resolve-model';
import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, integer, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { readHubAccess } from '@ogong/models/hub';
import { hashModelTokenizer } from '@ogong/models/tokenizer-hash';
import { formatTokens } from '@ogong/protocol/base/amount';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { openLedger, readPrivateKey } from './open-ledger.ts';

export const keypair = {
  schema: text,
  label: '<path>',
  env: 'OGONG_MAKER_KEYPAIR',
  required: true,
  description: "file with the maker's ledger key as hexadecimal digits; its account pays",
} as const;

const registerConfig = defineConfig({
  name: 'ogong model register',
  examples: [
    'ogong model register ogong/verified/me/stories --model stories15M --licence MIT --keypair maker.key --deployment deployment.json',
  ],
  summary:
    'Publishes on the chain which weights a model is: at once the first time, later with the notice of the network.\n' +
    'The id is ogong/<tier>/<maker>/<model>; the weights are the same in each tier.',
  fields: {
    ...chainFields,
    keypair,
    ...modelsDirField,
    model: {
      schema: text,
      label: '<model>',
      description: 'the weights: hf:owner/repo[:quant], a .gguf file, or a built-in name; or give their hashes',
    },
    modelRoot: { schema: hex(32), description: 'content root of the weights, instead of --model' },
    tokenizerHash: { schema: hex(32), description: 'hash of the tokenizer, with --model-root' },
    licence: { schema: text, label: '<spdx>', required: true, description: 'SPDX expression, such as Apache-2.0' },
    source: {
      schema: text,
      label: '<uri>',
      repeatable: true,
      description: 'address of the weights; repeat it for several',
    },
    adapter: {
      schema: hex(32),
      repeatable: true,
      description: 'content root of an adapter that may be used with it; repeat it for several',
    },
    from: {
      schema: integer({ min: 0 }),
      default: '0',
      label: '<seconds>',
      description: 'time since 1970 from which new weights are in force, for a longer notice',
    },
    claim: { schema: boolean, boolean: true, description: "pay the fee for the maker's name if it is free" },
    ownWeights: {
      schema: boolean,
      boolean: true,
      description:
        "claim the weights as the maker's, who gets the maker's share of what they earn; before anybody else knows them, and for good",
    },
    json: jsonField,
  },
  positionals: { label: '<id>', min: 1, max: 1 },
});

const revokeConfig = defineConfig({
  name: 'ogong model revoke',
  examples: ['ogong model revoke ogong/verified/me/stories --keypair maker.key --deployment deployment.json'],
  summary: 'Takes back, at once, the weights that are in force for a model, and those that are announced.',
  fields: { ...chainFields, keypair, json: jsonField },
  positionals: { label: '<id>', min: 1, max: 1 },
});

const showConfig = defineConfig({
  name: 'ogong model show',
  examples: ['ogong model show ogong/verified/me/stories --deployment deployment.json'],
  summary:
    'Shows the entries of a model on the chain. Exits with 65 if none is in force.\n' +
    'With --plan it says which layers of a model fit into the memory of this machine: ogong model show --plan --help',
  fields: { ...chainFields, json: jsonField },
  positionals: { label: '<id>', min: 1, max: 1 },
});

export const MAX_LISTED = 4096;

export async function registerModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = registerConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { values, positionals } = parsed;
  const name = parseModelId(positionals[0] as string);
  const weights = await readWeights(values);
  const chain = await connect('ogong model register', values);
  const owner = await chain.makerOwner(name.maker);
  if (owner === undefined) {
    if (!values.claim) {
      throw new ConfigError('ogong model register', [
        `nobody has claimed the name ${name.maker}: --claim pays ${formatTokens(await chain.makerFee())} OGONG for it`,
      ]);
    }
    await chain.claimMaker(name.maker);
  }
  const description = {
    ...weights,
    licence: values.licence,
    sources: values.source,
    adapterRoots: values.adapter.map((root): Hex => `0x${root}`),
  };
  // A reader of a publication could announce the weights too.
  if (values.ownWeights) await chain.claimWeights(name.maker, description.modelRoot);
  await chain.publishModel(name, description, BigInt(values.from));
  await printModel(output, chain, { name, json: values.json, readMaker: chain.makerOf });
  return EXIT.ok;
}

export async function revokeModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = revokeConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { values, positionals } = parsed;
  const name = parseModelId(positionals[0] as string);
  const chain = await connect('ogong model revoke', values);
  await chain.revokeModel(name);
  await printModel(output, chain, { name, json: values.json, readMaker: chain.makerOf });
  return EXIT.ok;
}

export async function showModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = showConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { values, positionals } = parsed;
  const name = parseModelId(positionals[0] as string);
  const chain = await connect('ogong model show', values);
  return printModel(output, chain, { name, json: values.json, readMaker: chain.makerOf });
}

/** The published models, with the root that is in force of each. */
export async function listPublished(
  where: { readonly deployment: string; readonly rpcUrl: string | undefined; readonly json: boolean },
  output: Output,
): Promise<number> {
  const chain = await connect('ogong model list', where);
  const names = await chain.listModels(MAX_LISTED);
  const nowSeconds = await chain.now();
  const models = [];
  for (const name of names) {
    const inForce = await chain.modelVersionAt(name, nowSeconds);
    models.push({ ...name, ...(inForce && { modelRoot: inForce.modelRoot, licence: inForce.licence }) });
  }
  if (where.json) printJson(output, models);
  else {
    for (const { maker, model, modelRoot, licence } of models) {
      output.write(`${maker}/${model}  ${modelRoot === undefined ? 'nothing in force' : `${modelRoot}  ${licence}`}\n`);
    }
  }
  return EXIT.ok;
}

/** @param readMaker returns the receiver of the maker's share for weights. Left out if there is none. */
export async function printModel(
  output: Output,
  chain: Pick<ChainClient, 'makerOwner' | 'modelVersions' | 'now'>,
  {
    name: { maker, model },
    json,
    readMaker,
  }: { readonly name: RegistryName; readonly json: boolean; readonly readMaker?: ChainClient['makerOf'] },
): Promise<number> {
  const [owner, versions, nowSeconds] = await Promise.all([
    chain.makerOwner(maker),
    chain.modelVersions({ maker, model }),
    chain.now(),
  ]);
  const isNow = ({ from, until }: ModelVersion): boolean =>
    from <= nowSeconds && (until === undefined || nowSeconds < until);
  const inForce = versions.find(isNow);
  // Weights in force or announced; earlier ones pay nobody any more.
  const roots = new Set([inForce, versions.at(-1)].flatMap((version) => (version ? [version.modelRoot] : [])));
  const makers =
    readMaker && (await Promise.all([...roots].map(async (root) => [root, await readMaker(root)] as const)));
  if (json) {
    const weightsOf = makers && Object.fromEntries(makers.map(([root, address]) => [root, address ?? null]));
    printJson(output, { maker, model, owner, inForce: inForce?.modelRoot, weightsOf, versions: versions.map(toPlain) });
  } else if (owner === undefined) output.write(`nobody has claimed the name ${maker}\n`);
  else {
    output.write(`${maker}/${model} by ${owner}${inForce === undefined ? ': nothing in force' : ''}\n`);
    for (const version of versions) output.write(formatVersion(version, version === inForce));
    for (const [root, address] of makers ?? []) output.write(formatMaker(root, address, owner));
  }
  return inForce === undefined ? EXIT.data : EXIT.ok;
}

function formatMaker(root: Hex, address: Hex | undefined, owner: Hex): string {
  if (address === undefined) return `nobody has claimed the weights ${root}: no maker is paid for them\n`;
  const other = address === owner ? '' : `, who does not own this name`;
  return `the maker's share of the weights ${root} goes to ${address}${other}\n`;
}

const toPlain = ({ from, until, ...rest }: ModelVersion) => ({
  ...rest,
  from: Number(from),
  ...(until !== undefined && { until: Number(until) }),
});

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString();

function formatVersion({ modelRoot, tokenizerHash, licence, sources, from, until }: ModelVersion, isNow: boolean) {
  const span = `${formatTime(from)} to ${until === undefined ? 'further notice' : formatTime(until)}`;
  const lines = [
    `${modelRoot}${isNow ? '  in force' : ''}`,
    `  ${span}`,
    `  licence ${licence}, tokenizer ${tokenizerHash}`,
  ];
  return `${[...lines, ...sources.map((source) => `  from ${source}`)].join('\n')}\n`;
}

interface Where {
  readonly deployment: string;
  readonly rpcUrl: string | undefined;
  readonly keypair?: string;
}

export function connect(command: string, { keypair: path, ...where }: Where): Promise<ChainClient> {
  return openLedger(command, where, path === undefined ? undefined : readPrivateKey(path));
}

async function readWeights(values: {
  readonly model: string | undefined;
  readonly modelRoot: string | undefined;
  readonly tokenizerHash: string | undefined;
  readonly modelsDir: string;
}): Promise<Pick<ModelDescription, 'modelRoot' | 'tokenizerHash'>> {
  const { model, modelRoot, tokenizerHash } = values;
  if (model !== undefined && modelRoot === undefined && tokenizerHash === undefined) {
    const found = await resolveModel(model, { storeDir: values.modelsDir, hub: readHubAccess(process.env) });
    return {
      modelRoot: `0x${toHex(found.modelRoot)}`,
      tokenizerHash: `0x${toHex(hashModelTokenizer(found.path))}`,
    };
  }
  if (model !== undefined || modelRoot === undefined || tokenizerHash === undefined) {
    throw new ConfigError('ogong model register', ['give either --model, or --model-root and --tokenizer-hash']);
  }
  return { modelRoot: `0x${modelRoot}`, tokenizerHash: `0x${tokenizerHash}` };
}

function print(output: Output, words: string): number {
  output.write(words);
  return EXIT.ok;
}
