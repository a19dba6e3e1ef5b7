import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { inspectModelFile } from '@ogong/engine/llama-cpp/model-file';
import type { SegmentOptions } from '@ogong/engine/llama-cpp/segment/segment-model';
import { resolveModel } from '@ogong/engine/resolve-model';
import type { FileHashes } from '@ogong/models/file-hashes';
import { readGgufHeader } from '@ogong/models/gguf/read';
import type { HubAccess } from '@ogong/models/hub';
import { MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { countLayers, type LayerRange, planSlabs, readSlabRange } from '@ogong/models/slabs/plan-slabs';
import { SlabError } from '@ogong/models/slabs/slab-error';
import { openTensorReader, readSourceModel } from '@ogong/models/slabs/source-model';
import { writeSlab } from '@ogong/models/slabs/write-slab';
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
  /** Types of the whole model's weights, which name the numeric class; undefined if the machine has the slab alone. */
  readonly weights: SegmentOptions['weights'];
}

/** Whether a file is a slab. A reference that names no file of this machine is that of a whole model. */
export const isSlabFile = (reference: string): boolean =>
  existsSync(reference) &&
  /\.gguf$/i.test(reference) &&
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
  const manifest = readManifest(join(dirname(path), MANIFEST_FILE));
  const named = manifest?.slabs.find(({ to }) => to === range.to);
  const isNamed = named !== undefined && equalBytes(named.sha256, await openHashes(options).hash(path, options.signal));
  return {
    ...{ path, name: path, weights: undefined },
    range: { ...range, modelRoot: manifest !== undefined && isNamed ? toHex(manifest.modelRoot) : undefined },
  };
}

/**
 * Cuts layers out of a whole model, which is downloaded if it is not here. The slab is kept beside the models.
 * @param pick chooses the layers, once their number is known. @throws SlabError, EngineError, ModelError
 */
export async function cutSlab(
  reference: string,
  pick: (layers: number) => LayerRange,
  options: BringSlabOptions,
): Promise<BroughtSlab> {
  const { modelsDir: storeDir, hub, onDownload, signal } = options;
  const model = await resolveModel(reference, {
    ...{ storeDir, hub, hashes: openHashes(options) },
    ...(onDownload && { onProgress: onDownload }),
    ...(signal && { signal }),
  });
  const source = readSourceModel(model.path);
  const layers = countLayers(source.metadata);
  const { from, to } = pick(layers);
  if (!(from < to && to <= layers))
    throw new SlabError(
      'bad-edges',
      `${model.name} has layers 0 to ${layers - 1}, so there are no layers ${from} to ${to - 1}`,
    );
  const plan = planSlabs(
    source,
    [from, to].filter((edge) => edge > 0 && edge < layers),
  ).find((slab) => slab.from === from);
  if (plan === undefined) throw new SlabError('bad-edges', 'a slab has not all layers of the model');
  const folder = join(storeDir, 'slabs');
  const path = join(folder, `${toHex(model.modelRoot)}-${from}-${to}.gguf`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const draft = `${path}.${process.pid}.part`;
    const reader = openTensorReader(source);
    try {
      writeSlab(draft, plan, reader, { signal });
      renameSync(draft, path);
    } finally {
      reader.close();
      rmSync(draft, { force: true });
    }
  }
  const weights = inspectModelFile(model.path);
  return { path, name: model.name, range: { from, to, layers, modelRoot: toHex(model.modelRoot) }, weights };
}

const openHashes = ({ modelsDir, onReading }: BringSlabOptions): FileHashes =>
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
