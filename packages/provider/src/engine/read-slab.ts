import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { inspectSegmentFile } from '@ogong/engine/llama-cpp/segment/segment-file';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { numberOf } from '@ogong/models/gguf/types';
import { MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { ProtocolError } from '@ogong/protocol/base/bytes';
import {
  hashSlabManifest,
  type Slab,
  type SlabManifest,
  slabManifestFormat,
} from '@ogong/protocol/commitment/slab-manifest';

/** A slab's file and its place in a cut. */
export interface ReadSlab {
  readonly path: string;
  /** Root of the whole model, 32 bytes. */
  readonly modelRoot: Uint8Array;
  readonly manifest: SlabManifest;
  /** SHA-256 of the manifest, 32 bytes. */
  readonly manifestHash: Uint8Array;
  readonly firstLayer: number;
  readonly layers: number;
  /** Layers of the whole model. */
  readonly totalLayers: number;
  /** The slab's entry in the manifest. The engine compares the file with it. */
  readonly expected: Slab;
  /** Values of a row. */
  readonly embeddingSize: number;
  /** Words of the vocabulary; 0 for an interior slab. */
  readonly vocabularySize: number;
  readonly weightBytes: number;
  /** Positions that the model was trained for; undefined if the file does not say. */
  readonly trainContext: number | undefined;
}

/**
 * Reads the header of a slab's file, and the manifest beside it.
 * @throws EngineError `model-not-found`, `model-corrupt`, or `unsupported-model` if file and manifest are not of one cut.
 */
export function readSlab(path: string): ReadSlab {
  const { from, to, architecture, embeddingSize, vocabularySize, weightBytes } = inspectSegmentFile(path);
  const manifest = readManifest(join(dirname(path), MANIFEST_FILE));
  const index = manifest.slabs.findIndex((slab) => slab.to === to);
  const expected = manifest.slabs[index];
  if (expected === undefined || (manifest.slabs[index - 1]?.to ?? 0) !== from)
    throw new EngineError(
      'unsupported-model',
      `${path} has layers ${from} to ${to - 1}, and ${MANIFEST_FILE} beside it is of another cut; fetch both from one place`,
    );
  return {
    ...{ path, manifest, modelRoot: manifest.modelRoot, manifestHash: hashSlabManifest(nodeCrypto, manifest) },
    ...{ firstLayer: from, layers: to - from, totalLayers: manifest.layers, expected },
    ...{ embeddingSize, vocabularySize, weightBytes },
    trainContext: numberOf(readGgufHeader(path).metadata, `${architecture}.context_length`),
  };
}

function readManifest(path: string): SlabManifest {
  if (!existsSync(path))
    throw new EngineError(
      'model-not-found',
      `there is no manifest at ${path}; ogong model split writes it beside slabs`,
    );
  try {
    return slabManifestFormat.decode(readFileSync(path));
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new EngineError('model-corrupt', `${path} is no manifest of slabs: ${cause.message}`, { cause });
  }
}
