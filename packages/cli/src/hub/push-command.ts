import { join } from 'node:path';
import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Values } from '@ogong/host/config/field';
import { boolean, text } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import type { HubManifest } from '@ogong/hub/manifest';
import { formatVersion } from '@ogong/hub/named/named-model';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes } from '@ogong/provider/commands/format';
import { readPrivateKey } from '../open-ledger.ts';
import { keypair } from '../registry-command.ts';
import { evaluationField } from './evaluate/evaluation-field.ts';
import { nameConverted, needsConversion, withConverted } from './lineage/converted-push.ts';
import { openHub, readName } from './open-hub.ts';
import { readPlaces } from './open-places.ts';
import { openTarget } from './open-target.ts';
import { originFields, readLineage } from './origin-field.ts';
import { checkOwner } from './publish-entry.ts';
import { type PushContext, type PushOrder, type PushResult, pushModel } from './push-model.ts';
import { planPush } from './push-plan.ts';

const program = 'ogong hub push';

const fields = {
  ...chainFields,
  keypair,
  ...modelsDirField,
  licence: { schema: text, label: '<spdx>', required: true, description: 'SPDX expression, such as Apache-2.0' },
  notes: { schema: text, description: 'changes since the version before, for people' },
  ...originFields,
  ...evaluationField,
  store: {
    schema: text,
    label: '<store>',
    description:
      'store that gets the files: a folder, s3://bucket/prefix, ipfs:, walrus: or hf:owner/repo; default: the folder hub below --models-dir',
  },
  place: {
    schema: text,
    label: '<address>',
    repeatable: true,
    description:
      'address at which others can read the store; repeat it for several. Default: those of the entry before',
  },
  convert: {
    schema: boolean,
    boolean: true,
    description: 'convert safetensors, and push the GGUF file as <maker>/<model>-gguf with its lineage',
  },
  claim: { schema: boolean, boolean: true, description: "pay the fee for the maker's name if it is free" },
  dryRun: { schema: boolean, boolean: true, description: 'write and send nothing: show what would be published' },
  json: jsonField,
} as const;

export const pushConfig = defineConfig({
  name: program,
  examples: [
    'ogong hub push acme/tiny@1.0.0 tiny/ --convert --licence Apache-2.0 --keypair maker.key --deployment deployment.json',
    'ogong hub push acme/small@1.2.0 small.gguf --licence Apache-2.0 --place https://models.acme.example/hub --keypair maker.key --deployment deployment.json',
  ],
  summary:
    'Puts a version of a model into a store, signs its manifest, and publishes it under its name on the chain.\n' +
    'A version is final: other files get another number. The same push again does nothing.',
  fields,
  positionals: { label: '<maker/model@version> <file or folder>', min: 2, max: 2 },
});

type PushValues = Values<typeof fields>;

export async function pushHubModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = pushConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values, positionals } = parsed;
  const [text = '', path = ''] = positionals;
  const name = readName(program, text);
  const { version } = name;
  if (version === undefined) throw new ConfigError(program, [`${text} has no version: write ${text}@1.0.0`]);
  const places = readPlaces(program, 'place', values.place);
  if (places.some(({ kind }) => kind === 'folder'))
    throw new ConfigError(program, ['--place is an address: nobody else can read a folder of this machine']);
  const plan = planPush(path);
  if (values.convert && !needsConversion(plan))
    throw new ConfigError(program, [`--convert: ${path} is no folder of transformers with safetensors alone`]);
  const hub = await openHub(program, values, readPrivateKey(values.keypair));
  const isFree = await checkOwner(program, hub.chain, { maker: name.maker, claim: values.claim });
  const target = await openTarget(program, values.store ?? hub.store.directory, hub.store.directory);
  const context: PushContext = { program, hub, target, places, values, output };
  const order: PushOrder = {
    ...{ name: { ...name, version }, plan },
    lineage: readLineage(values),
    evaluations: values.evaluation,
  };
  try {
    const pushed = values.convert
      ? await pushBoth(context, order, isFree)
      : [await pushModel(context, order, { claimFree: isFree })];
    report(output, pushed, values);
    if (!values.convert && needsConversion(plan))
      output.writeError(
        'no engine opens safetensors: push again with --convert, or write a GGUF file with "ogong model convert"\n',
      );
    return EXIT.ok;
  } finally {
    await target.close();
  }
}

/** Pushes a model, and the GGUF file that is converted from it. The conversion comes first, as it may be refused. */
function pushBoth(context: PushContext, order: PushOrder, isFree: boolean): Promise<readonly PushResult[]> {
  const { hub, output, values } = context;
  const { model } = order.name;
  const name = { ...order.name, model: nameConverted(model) };
  // A name that is too long for the registry is refused before the work.
  readName(program, `${name.maker}/${name.model}`);
  const workFolder = join(hub.store.directory, 'converting');
  return withConverted(order.plan, { model, workFolder, output }, async (plan) => {
    const original = await pushModel(context, order, { claimFree: isFree });
    const { modelRoot } = original.manifest;
    const lineage = [{ modelRoot, relation: 'converted-from', licence: values.licence }] as const;
    const converted = await pushModel(context, { name, plan, lineage, evaluations: [] }, { claimFree: false });
    return [original, converted];
  });
}

function report(output: Output, pushed: readonly PushResult[], values: PushValues): void {
  if (values.json) {
    const plain = pushed.map((each) => toPlain(each, values.dryRun));
    // One model is no list, so that scripts of a push without --convert stay simple.
    printJson(output, values.convert ? plain : plain[0]);
    return;
  }
  for (const each of pushed) output.write(`${describePush(each, values.dryRun).join('\n')}\n`);
  if (!pushed.every(({ next }) => next.sources.some((source) => source.startsWith('hub+'))))
    output.writeError('nobody else can find the files yet: push again with --place\n');
}

const sumBytes = ({ files }: HubManifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

function toPlain({ manifest, manifestHash, next, isNew, inRegistry }: PushResult, dryRun: boolean) {
  const { maker, model, version, files, licence } = manifest;
  const { modelRoot, sources } = next;
  return {
    ...{ name: `${maker}/${model}`, version: formatVersion(version), manifest: toHex(manifestHash) },
    ...{ modelRoot, licence, sizeBytes: sumBytes(manifest), files: files.map(({ path }) => path), sources },
    ...{ dryRun, isNew, ...(inRegistry !== undefined && { from: Number(inRegistry.from) }) },
  };
}

function describePush({ manifest, manifestHash, next, isNew, inRegistry }: PushResult, dryRun: boolean): string[] {
  const { maker, model, version, files, licence, lineage, evaluations } = manifest;
  const since = inRegistry === undefined ? '' : ` from ${new Date(Number(inRegistry.from) * 1_000).toISOString()} on`;
  const done = dryRun
    ? 'nothing was written or sent. It would publish:'
    : isNew
      ? `published${since}:`
      : 'was published already:';
  return [
    `${done} ${maker}/${model} ${formatVersion(version)}  ${formatBytes(sumBytes(manifest))} in ${files.length} files  ${licence}`,
    `  root ${next.modelRoot}`,
    `  manifest ${toHex(manifestHash)}`,
    ...lineage.map((origin) => `  ${origin.relation} ${toHex(origin.modelRoot)}`),
    ...evaluations.map((hash) => `  evaluation ${toHex(hash)}`),
    ...next.sources.map((source) => `  source ${source}`),
  ];
}
