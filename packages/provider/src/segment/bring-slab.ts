import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import type { SegmentOptions } from '@ogong/engine/llama-cpp/segment/segment-model';
import { resolveModel } from '@ogong/engine/resolve-model';
import { readGgufHeader } from '@ogong/models/gguf/read';
import type { HubAccess } from '@ogong/models/hub';
import { keepSlab } from '@ogong/models/slabs/kept-slab';
import { MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { type LayerRange, readSlabRange } from '@ogong/models/slabs/plan-slabs';
import { openFileHashes } from '@ogong/models/store';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type SlabManifest, slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import type { LoadingPlace } from '../engine/engine-config.ts';
import type { SegmentRange } from './segment-wire.ts';

export interface BringSlabOptions extends Pick<LoadingPlace, 'onDownload' | 'onReading' | 'signal'> {
  readonly modelsDir: string;
  readonly hub: Partial<HubAccess>;
}

/** A slab on this machine. */
export interface BroughtSlab {
  readonly path: string;
  /** Name of the model, or of the slab's file. */
  readonly name: string;
  readonly range: SegmentRange;
  readonly sizeBytes: number;
  /** SHA-256 of the file, 32 bytes. */
  readonly sha256: Uint8Array;
  /** The whole model, whose weights name the numeric class; undefined if the machine has the slab alone. */
  readonly whole: { readonly path: string; readonly weights: NonNullable<SegmentOptions['weights']> } | undefined;
}

/** Whether a reference names a slab's file. Any other reference is that of a whole model. */
export const isSlabFile = (reference: string): boolean =>
  /\.gguf$/i.test(reference) &&
  existsSync(reference) &&
  readSlabRange(readGgufHeader(reference).metadata) !== undefined;

/**
 * Opens a slab's file. Its model is known if the manifest of `ogong model split` lies beside it and names this file.
 * @throws EngineError, GgufError, ModelError
 */
export async function openSlabFile(path: string, options: BringSlabOptions): Promise<BroughtSlab> {
  if (!existsSync(path)) throw new EngineError('model-not-found', `there is no slab at ${path}`);
  const range = readSlabRange(readGgufHeader(path).metadata);
  if (range === undefined)
    throw new EngineError(
      'unsupported-model',
      `${path} is a whole model, not a slab; name it with --model, and its layers with --layers`,
    );
  const digest = await computeDigest(path, options);
  const manifest = readManifest(join(dirname(path), MANIFEST_FILE));
  const named = manifest?.slabs.find(({ to }) => to === range.to);
  const isNamed = manifest !== undefined && named !== undefined && equalBytes(named.sha256, digest.sha256);
  const modelRoot = isNamed ? toHex(manifest.modelRoot) : undefined;
  return { ...{ path, name: path, whole: undefined }, ...digest, range: { ...range, modelRoot } };
}

/**
 * Cuts layers out of a whole model, which is downloaded if it is not here. The slab is kept beside the models.
 * @param pick chooses the layers by their number. @throws SlabError, EngineError, ModelError
 */
export async function cutSlab(
  reference: string,
  pick: (layers: number) => LayerRange,
  options: BringSlabOptions,
): Promise<BroughtSlab> {
  const { modelsDir: storeDir, hub, onDownload, signal } = options;
  const { name, path, modelRoot } = await resolveModel(reference, {
    ...{ storeDir, hub, hashes: openHashes(options) },
    ...(onDownload && { onProgress: onDownload }),
    ...(signal && { signal }),
  });
  const weights = inspectModelFile(path);
  const { from, to, layers, path: slabPath } = keepSlab(path, pick, { modelRoot, storeDir, signal });
  const range = { from, to, layers, modelRoot: toHex(modelRoot) };
  return { path: slabPath, name, range, whole: { path, weights }, ...(await computeDigest(slabPath, options)) };
}

async function computeDigest(
  path: string,
  options: BringSlabOptions,
): Promise<Pick<BroughtSlab, 'sha256' | 'sizeBytes'>> {
  return { sha256: await openHashes(options).hash(path, options.signal), sizeBytes: statSync(path).size };
}

const openHashes = ({ modelsDir, onReading }: BringSlabOptions) =>
  openFileHashes(modelsDir, onReading && { onReading });

function readManifest(path: string): SlabManifest | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return slabManifestFormat.decode(readFileSync(path));
  } catch {
    // Another version's file, or a damaged one: the slab is served without it.
    return undefined;
  }
}
