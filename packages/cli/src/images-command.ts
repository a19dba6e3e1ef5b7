import { findListProblem, parseImageList } from '@ogong/attestation/image-list';
import type { ChainClient } from '@ogong/chain/client';
import type { RegistryName } from '@ogong/chain/registry/model-registry';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, text } from '@ogong/host/config/values';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { formatTokens } from '@ogong/protocol/base/amount';
import { toHex } from '@ogong/protocol/base/bytes';
import { readListInForce } from './machine-policy.ts';
import { toPlainBytes } from './receipt-file.ts';
import { connect, keypair, printModel } from './registry-command.ts';
import { readUserFile } from './user-files.ts';

const PUBLISH = 'ogong images publish';
const positionals = { label: '<maker/name>', min: 1, max: 1 } as const;

const publishConfig = defineConfig({
  name: PUBLISH,
  examples: [
    'ogong images publish me/machine-images --list images.json --keypair maker.key --deployment deployment.json',
  ],
  summary:
    'Publishes on the chain, under a name of yours, the hash of a list of images that machines may run (docs/spec/machine-images.md): at once the\n' +
    'first time, later with the notice of the network.',
  fields: {
    ...chainFields,
    keypair,
    list: { schema: text, label: '<path>', required: true, description: 'JSON: images, and boots' },
    source: { schema: text, label: '<uri>', repeatable: true, description: 'address of the list' },
    claim: { schema: boolean, boolean: true, description: "pay the fee for the maker's name if it is free" },
    json: jsonField,
  },
  positionals,
});

const revokeConfig = defineConfig({
  name: 'ogong images revoke',
  examples: ['ogong images revoke me/machine-images --keypair maker.key --deployment deployment.json'],
  summary: 'Takes the list back at once: policies that name it accept no image until another one is in force.',
  fields: { ...chainFields, keypair, json: jsonField },
  positionals,
});

const checkConfig = defineConfig({
  name: 'ogong images check',
  examples: ['ogong images check me/machine-images --list images.json --deployment deployment.json'],
  summary: 'Compares a list with the hash in force for a name, and prints its images. Exits with 65 if they differ.',
  fields: {
    ...chainFields,
    list: { schema: text, label: '<path>', required: true, description: 'JSON: images, and boots' },
    json: jsonField,
  },
  positionals,
});

const showConfig = defineConfig({
  name: 'ogong images show',
  examples: ['ogong images show me/machine-images --deployment deployment.json'],
  summary: 'Shows the hashes published under a name, and the one in force. Exits with 65 if none is.',
  fields: { ...chainFields, json: jsonField },
  positionals,
});

export const imagesCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'images',
  summary: 'lists of the images that machines may run, by their hashes on the chain',
  verbs: {
    publish: { summary: 'publish the hash of a list', run: publish },
    show: { summary: 'entry of a name on a chain', run: show },
    check: { summary: 'compare a list with the chain', run: check },
    revoke: { summary: 'take a list back', run: revoke },
  },
  examples: ['ogong images check ogong/machine-images --list images.json --deployment deployment.json'],
});

function readName(program: string, given: string | undefined): RegistryName {
  const [maker = '', model = '', ...rest] = (given ?? '').split('/');
  if (maker !== '' && model !== '' && rest.length === 0) return { maker, model };
  throw new ConfigError(program, ['a name in the registry is maker/name']);
}

async function publish(argv: readonly string[], output: Output): Promise<number> {
  const parsed = publishConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { values } = parsed;
  const name = readName(PUBLISH, parsed.positionals[0]);
  const bytes = toPlainBytes(readUserFile(values.list));
  parseImageList(bytes);
  const chain = await connect(PUBLISH, values);
  if ((await chain.makerOwner(name.maker)) === undefined) {
    if (!values.claim) {
      const fee = await chain.makerFee();
      throw new ConfigError(PUBLISH, [
        `nobody has claimed the name ${name.maker}: --claim pays ${formatTokens(fee)} OGONG for it`,
      ]);
    }
    await chain.claimMaker(name.maker);
  }
  const hash = `0x${toHex(crypto.sha256(bytes))}` as const;
  // An entry of the registry has both; a list of images has one hash.
  const entry = { modelRoot: hash, tokenizerHash: hash, licence: 'CC0-1.0', sources: values.source, adapterRoots: [] };
  await chain.publishModel(name, entry);
  return printModel(output, chain, { name, json: values.json });
}

async function revoke(argv: readonly string[], output: Output): Promise<number> {
  const parsed = revokeConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const name = readName('ogong images revoke', parsed.positionals[0]);
  const chain = await connect('ogong images revoke', parsed.values);
  await chain.revokeModel(name);
  await printModel(output, chain, { name, json: parsed.values.json });
  return EXIT.ok;
}

async function show(argv: readonly string[], output: Output): Promise<number> {
  const parsed = showConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const name = readName('ogong images show', parsed.positionals[0]);
  return printModel(output, await connect('ogong images show', parsed.values), { name, json: parsed.values.json });
}

async function check(argv: readonly string[], output: Output): Promise<number> {
  const parsed = checkConfig.parse(argv, process.env);
  if (parsed.kind === 'print') return print(output, parsed.text);
  const { maker, model } = readName('ogong images check', parsed.positionals[0]);
  const bytes = toPlainBytes(readUserFile(parsed.values.list));
  const { images, boots = [] } = parseImageList(bytes);
  const chain: ChainClient = await connect('ogong images check', parsed.values);
  const inForce = await readListInForce(`${maker}/${model}`, chain);
  const problem = findListProblem(`${maker}/${model}`, { hash: crypto.sha256(bytes), inForce });
  if (parsed.values.json) printJson(output, { ok: problem === undefined, problem, inForce, images, boots });
  else if (problem !== undefined) output.write(`${problem}\n`);
  else {
    output.write(`${inForce} is in force: ${images.length} images, ${boots.length} guests\n`);
    for (const image of images) output.write(`  image ${image}\n`);
    for (const boot of boots) output.write(`  guest ${boot}\n`);
  }
  return problem === undefined ? EXIT.ok : EXIT.data;
}

function print(output: Output, message: string): number {
  output.write(message);
  return EXIT.ok;
}
