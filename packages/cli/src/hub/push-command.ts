import { join } from 'node:path';
import type { ModelDescription, ModelVersion } from '@ogong/chain/registry/model-registry';
import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Values } from '@ogong/host/config/field';
import { boolean, text } from '@ogong/host/config/values';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { computeManifestRoot, type HubManifest, type ManifestFile } from '@ogong/hub/manifest';
import { findVersion } from '@ogong/hub/named/find-version';
import type { VersionedName } from '@ogong/hub/named/hub-name';
import { formatVersion } from '@ogong/hub/named/named-model';
import { parseSignedManifest, signHubManifest } from '@ogong/hub/signed-manifest';
import { createHashingStore } from '@ogong/hub/store/hashing-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { openKnownFiles } from '@ogong/hub/transfer/known-files';
import { pushFiles } from '@ogong/hub/transfer/push';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { formatBytes } from '@ogong/provider/commands/format';
import { readPrivateKey } from '../open-ledger.ts';
import { keypair } from '../registry-command.ts';
import { type EvaluationFile, evaluationField, readEvaluations } from './evaluate/evaluation-field.ts';
import { interruptible } from './interruptible.ts';
import { rememberModel } from './known-models.ts';
import { type OpenedHub, openHub, readEntry, readName } from './open-hub.ts';
import { askPlaces, readPlaces } from './open-places.ts';
import { type CopyTarget, openTarget } from './open-target.ts';
import { originFields, readLineage } from './origin-field.ts';
import { checkOwner, describeEntry, isPublished } from './publish-entry.ts';
import { type PushPlan, planPush } from './push-plan.ts';
import { createTransferLines } from './transfer-lines.ts';

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
  claim: { schema: boolean, boolean: true, description: "pay the fee for the maker's name if it is free" },
  dryRun: { schema: boolean, boolean: true, description: 'write and send nothing: show what would be published' },
  json: jsonField,
} as const;

export const pushConfig = defineConfig({
  name: program,
  examples: [
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
  const hub = await openHub(program, values, readPrivateKey(values.keypair));
  const isFree = await checkOwner(program, hub.chain, { maker: name.maker, claim: values.claim });
  const target = await openTarget(program, values.store ?? hub.store.directory, hub.store.directory);
  try {
    const files = await interruptible((signal) => putFiles(plan, { hub, target, values, output, signal }));
    const evaluations = await readEvaluations(program, values.evaluation, { files, rootRule: plan.rootRule });
    const signed = signManifest(hub, { name: { ...name, version }, plan, files, values, evaluations });
    await assertFinal(hub, { name: { ...name, version }, manifestHash: signed.manifestHash });
    if (!values.dryRun) {
      for (const { hash, path } of evaluations) await target.putEvaluation(toHex(hash), path);
      await target.putManifest(toHex(signed.manifestHash), signed.encoded);
    }
    const published = values.dryRun ? undefined : await target.publish();
    const before = (await hub.chain.modelVersions(name)).at(-1);
    const next = describeEntry(program, {
      ...{ manifest: signed.manifest, manifestHash: signed.manifestHash, tokenizerHash: plan.tokenizerHash, before },
      places: published === undefined ? places : [...places, published],
    });
    const isNew = !isPublished(next, before);
    if (!values.dryRun) {
      await keepManifest(hub.store.directory, { hash: toHex(signed.manifestHash), signed: signed.encoded });
      await rememberModel(hub, signed);
      if (isFree) await hub.chain.claimMaker(name.maker);
      if (isNew) await hub.chain.publishModel(name, next);
    }
    const inRegistry = values.dryRun ? undefined : (await hub.chain.modelVersions(name)).at(-1);
    report(output, { ...signed, next, isNew, inRegistry, values });
    return EXIT.ok;
  } finally {
    await target.close();
  }
}

interface PutTask {
  readonly hub: OpenedHub;
  readonly target: CopyTarget;
  readonly values: PushValues;
  readonly output: Output;
  readonly signal: AbortSignal;
}

function putFiles(plan: PushPlan, { hub, target, values, output, signal }: PutTask): Promise<ManifestFile[]> {
  const { folder, files } = plan;
  const known = openKnownFiles(join(hub.store.directory, 'pushed'));
  const { onProgress } = createTransferLines(output);
  const store = values.dryRun ? createHashingStore() : target.store;
  return pushFiles({ folder, files, store, known, onProgress, signal });
}

interface ManifestTask {
  readonly name: VersionedName & Pick<HubManifest, 'version'>;
  readonly plan: PushPlan;
  readonly files: readonly ManifestFile[];
  readonly values: PushValues;
  readonly evaluations: readonly EvaluationFile[];
}

/** @throws TransferError `bad-content` for a manifest that breaks a rule, such as a duty of an origin's licence. */
function signManifest({ registry }: OpenedHub, { name, plan, files, values, evaluations }: ManifestTask) {
  const { maker, model, version } = name;
  const { rootRule } = plan;
  const manifest = {
    ...{
      maker,
      model,
      version,
      rootRule,
      files,
      licence: values.licence,
      notes: (values.notes ?? '').trim(),
      evaluations: evaluations.map(({ hash }) => hash),
    },
    modelRoot: computeManifestRoot(crypto, { files, rootRule }),
    lineage: readLineage(values),
  };
  try {
    const signer = createNodeLedgerSigner(loadLedgerKey(values.keypair).reveal());
    const encoded = signHubManifest(crypto, { registry, maker: signer }, manifest);
    return { ...parseSignedManifest(crypto, encoded), encoded };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new TransferError('bad-content', `no manifest can say this: ${error.message}`, { cause: error });
  }
}

/** @throws ConfigError if the version has another manifest that can still be read. */
async function assertFinal(
  hub: OpenedHub,
  { name, manifestHash }: { readonly name: ManifestTask['name']; readonly manifestHash: Uint8Array },
): Promise<void> {
  try {
    const entry = await readEntry(hub, name);
    const { store } = hub;
    const { found } = await askPlaces({ store }, (asked) => findVersion({ ...asked, entry, version: name.version }));
    if (toHex(found.manifestHash) === toHex(manifestHash)) return;
  } catch (error) {
    if (error instanceof TransferError) return;
    throw error;
  }
  const number = formatVersion(name.version);
  throw new ConfigError(program, [
    `${name.maker}/${name.model} has a version ${number} with other files or other words; raise the number`,
  ]);
}

interface PushReport {
  readonly manifest: HubManifest;
  readonly manifestHash: Uint8Array;
  readonly next: ModelDescription;
  /** Whether the registry did not have it. */
  readonly isNew: boolean;
  readonly inRegistry: ModelVersion | undefined;
  readonly values: PushValues;
}

function report(output: Output, { manifest, manifestHash, next, isNew, inRegistry, values }: PushReport): void {
  const { maker, model, version, files, licence } = manifest;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const shown = { name: `${maker}/${model}`, version: formatVersion(version), manifest: toHex(manifestHash) };
  const { modelRoot, sources } = next;
  if (values.json) {
    const from = inRegistry === undefined ? undefined : Number(inRegistry.from);
    const paths = files.map(({ path }) => path);
    printJson(output, {
      ...{ ...shown, modelRoot, licence, sizeBytes, files: paths, sources, dryRun: values.dryRun, isNew },
      ...(from !== undefined && { from }),
    });
    return;
  }
  const since = inRegistry === undefined ? '' : ` from ${new Date(Number(inRegistry.from) * 1_000).toISOString()} on`;
  const done = values.dryRun
    ? 'nothing was written or sent. It would publish:'
    : isNew
      ? `published${since}:`
      : 'was published already:';
  const lines = [
    `${done} ${shown.name} ${shown.version}  ${formatBytes(sizeBytes)} in ${files.length} files  ${licence}`,
    `  root ${modelRoot}`,
    `  manifest ${shown.manifest}`,
    ...manifest.evaluations.map((hash) => `  evaluation ${toHex(hash)}`),
    ...sources.map((source) => `  source ${source}`),
  ];
  output.write(`${lines.join('\n')}\n`);
  if (!sources.some((source) => source.startsWith('hub+')))
    output.writeError('nobody else can find the files yet: push again with --place\n');
}
