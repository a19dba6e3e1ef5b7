import { join } from 'node:path';
import type { ModelDescription, ModelVersion } from '@ogong/chain/registry/model-registry';
import { ConfigError } from '@ogong/host/config/config-error';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Output } from '@ogong/host/lifecycle/command';
import { computeManifestRoot, type HubManifest, type ManifestFile } from '@ogong/hub/manifest';
import { findVersion } from '@ogong/hub/named/find-version';
import type { VersionedName } from '@ogong/hub/named/hub-name';
import { formatVersion } from '@ogong/hub/named/named-model';
import type { HubPlace } from '@ogong/hub/place';
import { parseSignedManifest, signHubManifest } from '@ogong/hub/signed-manifest';
import { createHashingStore } from '@ogong/hub/store/hashing-store';
import { keepManifest } from '@ogong/hub/store/manifest-folder';
import { openKnownFiles } from '@ogong/hub/transfer/known-files';
import { pushFiles } from '@ogong/hub/transfer/push';
import { TransferError } from '@ogong/hub/transfer/transfer-error';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type EvaluationFile, readEvaluations } from './evaluate/evaluation-field.ts';
import { interruptible } from './interruptible.ts';
import { rememberModel } from './known-models.ts';
import { type OpenedHub, readEntry } from './open-hub.ts';
import { askPlaces } from './open-places.ts';
import type { CopyTarget } from './open-target.ts';
import { describeEntry, isPublished } from './publish-entry.ts';
import type { PushPlan } from './push-plan.ts';
import { createTransferLines } from './transfer-lines.ts';

/** Everything that the models of one push share. */
export interface PushContext {
  /** Owner of the settings, for errors. */
  readonly program: string;
  readonly hub: OpenedHub;
  readonly target: CopyTarget;
  readonly places: readonly HubPlace[];
  readonly values: {
    readonly keypair: string;
    readonly licence: string;
    readonly notes: string | undefined;
    readonly dryRun: boolean;
  };
  readonly output: Output;
}

/** A model that is pushed. */
export interface PushOrder extends Pick<HubManifest, 'lineage'> {
  readonly name: VersionedName & Pick<HubManifest, 'version'>;
  readonly plan: PushPlan;
  /** Paths of evaluations of its weights. */
  readonly evaluations: readonly string[];
}

/** A model that was pushed, or would be. */
export interface PushResult {
  readonly manifest: HubManifest;
  /** 32 bytes. */
  readonly manifestHash: Uint8Array;
  readonly next: ModelDescription;
  /** Whether the registry did not have it. */
  readonly isNew: boolean;
  readonly inRegistry: ModelVersion | undefined;
}

/**
 * Puts a model into the store, signs its manifest and publishes it, unless it is a dry run.
 * @param claimFree pays for the maker's name before the first version.
 * @throws TransferError, HubBlobError, ConfigError, ChainError
 */
export async function pushModel(
  context: PushContext,
  order: PushOrder,
  { claimFree }: { readonly claimFree: boolean },
): Promise<PushResult> {
  const { program, hub, target, places, values } = context;
  const { name, plan } = order;
  const files = await interruptible((signal) => putFiles(plan, { ...context, signal }));
  const evaluations = await readEvaluations(program, order.evaluations, { files, rootRule: plan.rootRule });
  const signed = signManifest(context, { ...order, files, evaluations });
  await assertFinal(context, { name, manifestHash: signed.manifestHash });
  if (!values.dryRun) {
    for (const { hash, path } of evaluations) await target.store.putEvaluation(toHex(hash), path);
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
    if (claimFree) await hub.chain.claimMaker(name.maker);
    if (isNew) await hub.chain.publishModel(name, next);
  }
  const inRegistry = values.dryRun ? undefined : (await hub.chain.modelVersions(name)).at(-1);
  return { manifest: signed.manifest, manifestHash: signed.manifestHash, next, isNew, inRegistry };
}

function putFiles(
  { folder, files }: PushPlan,
  { hub, target, values, output, signal }: PushContext & { readonly signal: AbortSignal },
): Promise<ManifestFile[]> {
  const known = openKnownFiles(join(hub.store.directory, 'pushed'));
  const { onProgress } = createTransferLines(output);
  const store = values.dryRun ? createHashingStore() : target.store;
  return pushFiles({ folder, files, store, known, onProgress, signal });
}

interface ManifestTask extends Pick<PushOrder, 'name' | 'plan' | 'lineage'> {
  readonly files: readonly ManifestFile[];
  readonly evaluations: readonly EvaluationFile[];
}

/** @throws TransferError `bad-content` for a manifest that breaks a rule, such as a duty of an origin's licence. */
function signManifest(
  { hub, values }: PushContext,
  { name: { maker, model, version }, plan: { rootRule }, lineage, files, evaluations }: ManifestTask,
) {
  const manifest = {
    ...{ maker, model, version, rootRule, files, lineage, licence: values.licence },
    notes: (values.notes ?? '').trim(),
    evaluations: evaluations.map(({ hash }) => hash),
    modelRoot: computeManifestRoot(crypto, { files, rootRule }),
  };
  try {
    const signer = createNodeLedgerSigner(loadLedgerKey(values.keypair).reveal());
    const encoded = signHubManifest(crypto, { registry: hub.registry, maker: signer }, manifest);
    return { ...parseSignedManifest(crypto, encoded), encoded };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new TransferError('bad-content', `no manifest can say this: ${error.message}`, { cause: error });
  }
}

/** @throws ConfigError if the version has another manifest that can still be read. */
async function assertFinal(
  { program, hub }: PushContext,
  { name, manifestHash }: { readonly name: PushOrder['name']; readonly manifestHash: Uint8Array },
): Promise<void> {
  try {
    const entry = await readEntry(hub, name);
    const { found } = await askPlaces(hub, (asked) => findVersion({ ...asked, entry, version: name.version }));
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
