import { toHex } from '@ogong/protocol/base/bytes';
import { listEdges, type Slab, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import type { FileHashes } from '../file-hashes.ts';
import { isSameStamp, readFileStamp } from '../file-stamp.ts';
import { ModelError } from '../model-error.ts';
import { type HashedModel, hashModelFile } from '../model-root.ts';
import { CUTTER_VERSION, countLayers, planSlabs, type SlabPlan } from './plan-slabs.ts';
import { SlabError } from './slab-error.ts';
import { openTensorReader, readSourceModel, type TensorReader } from './source-model.ts';
import { hashSlab, type SlabDigest, writeSlab } from './write-slab.ts';

/** The manifest's file in the folder of the slabs. */
export const MANIFEST_FILE = 'manifest.slabs';

export interface CutProgress {
  /** The slab at hand, from 0, of how many. */
  readonly slab: number;
  readonly slabs: number;
  readonly sizeBytes: number;
}

export interface CutOptions {
  /** Hashes of files that were read before. Default: the model is read in full. */
  readonly hashes?: FileHashes | undefined;
  readonly onProgress?: ((progress: CutProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Cuts a model and returns the manifest of its slabs.
 * @param edges layers at which slabs begin, besides layer 0; ascending.
 * @param pathOf the file of a slab; it is replaced.
 * @throws SlabError if the cut is refused, GgufError or ModelError if the model cannot be read or changes meanwhile.
 */
export const cutModel = (
  path: string,
  edges: readonly number[],
  pathOf: (plan: SlabPlan, index: number) => string,
  options: CutOptions = {},
): Promise<SlabManifest> =>
  describeCut(path, edges, options, (plan, reader, index, progress) =>
    writeSlab(pathOf(plan, index), plan, reader, progress),
  );

/** Computes the manifest of a cut without writing the slabs. @throws as `cutModel`. */
export const computeSlabManifest = (
  path: string,
  edges: readonly number[],
  options: CutOptions = {},
): Promise<SlabManifest> =>
  describeCut(path, edges, options, (plan, reader, _index, progress) => hashSlab(plan, reader, progress));

async function describeCut(
  path: string,
  edges: readonly number[],
  { hashes, onProgress, signal }: CutOptions,
  digest: (plan: SlabPlan, reader: TensorReader, index: number, progress: Parameters<typeof hashSlab>[2]) => SlabDigest,
): Promise<SlabManifest> {
  // Refusals come before the model is read in full.
  planSlabs(readSourceModel(path), edges);
  const hashed = await hashModelFile(path, hashes);
  const model = readSourceModel(path);
  const plans = planSlabs(model, edges);
  const reader = openTensorReader(model);
  try {
    const slabs = plans.map((plan, index): Slab => {
      const onBytes =
        onProgress && ((sizeBytes: number) => onProgress({ slab: index, slabs: plans.length, sizeBytes }));
      return { to: plan.to, ...digest(plan, reader, index, { onBytes, signal }) };
    });
    assertUnchanged(hashed);
    const layers = plans.at(-1)?.to as number;
    return { modelRoot: hashed.modelRoot, cutter: CUTTER_VERSION, layers, slabs };
  } finally {
    reader.close();
  }
}

/** @throws ModelError */
function assertUnchanged({ shards }: HashedModel): void {
  const changed = shards.find(({ path, stamp }) => !isSameStamp(stamp, readFileStamp(path)));
  if (changed !== undefined)
    throw new ModelError('wrong-hash', `${changed.path} changed while it was cut; try again once nobody writes to it`, {
      retryable: true,
    });
}

/** The first thing of a manifest that the whole model contradicts. */
export type ManifestFault =
  /** The model has another number of layers. */
  | { readonly kind: 'layers'; readonly expected: number; readonly actual: number }
  /** The rules refuse the cut. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A slab has other bytes. */
  | { readonly kind: 'slab'; readonly index: number; readonly expected: SlabDigest; readonly actual: SlabDigest };

/**
 * Cuts the whole model again and returns the manifest's first fault; undefined if it has none. A fault is exact evidence: everyone with the
 * model and this cutter finds it.
 * @throws ModelError('wrong-hash') if the file is another model than the manifest's, ModelError('bad-reference') for another version of the
 * cutter; both say nothing about the manifest.
 * @internal until validators read evidence about manifests
 */
export async function findManifestFault(
  manifest: SlabManifest,
  path: string,
  options: CutOptions = {},
): Promise<ManifestFault | undefined> {
  if (manifest.cutter !== CUTTER_VERSION)
    throw new ModelError(
      'bad-reference',
      `the manifest is of cutter ${manifest.cutter}, this program has ${CUTTER_VERSION}`,
    );
  const { modelRoot } = await hashModelFile(path, options.hashes);
  if (toHex(modelRoot) !== toHex(manifest.modelRoot))
    throw new ModelError(
      'wrong-hash',
      `${path} has root ${toHex(modelRoot)}, the manifest is of the model ${toHex(manifest.modelRoot)}`,
    );
  let computed: SlabManifest;
  try {
    const model = readSourceModel(path);
    const layers = countLayers(model.metadata);
    if (layers !== manifest.layers) return { kind: 'layers', expected: layers, actual: manifest.layers };
    computed = await computeSlabManifest(path, listEdges(manifest), options);
  } catch (error) {
    if (error instanceof SlabError) return { kind: 'refused', reason: error.message };
    throw error;
  }
  const index = computed.slabs.findIndex((slab, i) => !isSameSlab(slab, manifest.slabs[i] as Slab));
  if (index < 0) return undefined;
  const [expected, actual] = [computed.slabs[index], manifest.slabs[index]] as [Slab, Slab];
  return { kind: 'slab', index, expected, actual };
}

const isSameSlab = (a: Slab, b: Slab): boolean => a.sizeBytes === b.sizeBytes && toHex(a.sha256) === toHex(b.sha256);
