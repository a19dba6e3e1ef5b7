import { statSync } from 'node:fs';
import type { FileHashes } from '@ogong/models/file-hashes';
import { assertWholeGguf } from '@ogong/models/gguf/check';
import { readGgufHeader } from '@ogong/models/gguf/read';
import { GgufError, numberOf, stringOf } from '@ogong/models/gguf/types';
import { ModelError } from '@ogong/models/model-error';
import { hashModelFile, type StampedFile } from '@ogong/models/model-root';
import { CUT_RULES } from '@ogong/models/slabs/architectures';
import { readSlabRange } from '@ogong/models/slabs/plan-slabs';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Slab } from '@ogong/protocol/commitment/slab-manifest';
import { EngineError } from '../../interface/engine-error.ts';
import type { SegmentPlace } from '../../interface/segment.ts';
import { type ModelSizes, readSizes, readWeightTypes } from '../model-file.ts';

/** Facts of a slab that the engine needs before llama.cpp reads it. */
export interface SegmentFacts extends ModelSizes {
  readonly path: string;
  readonly architecture: string;
  readonly place: SegmentPlace;
  /** Layers [from, to) of the model. */
  readonly from: number;
  readonly to: number;
  readonly embeddingSize: number;
  readonly vocabularySize: number;
  readonly weightType: string;
  readonly hasFloatMatrices: boolean;
  /** llama.cpp scales hidden states that come in as if they were embeddings. */
  readonly scalesInput: boolean;
}

/** @throws EngineError `model-not-found`, `model-corrupt`, or `unsupported-model` if the file is no slab. */
export function inspectSegmentFile(path: string): SegmentFacts {
  try {
    const header = readGgufHeader(path);
    assertWholeGguf(path, header);
    const { metadata, tensors } = header;
    const range = readSlabRange(metadata);
    const architecture = stringOf(metadata, 'general.architecture') ?? '';
    const rules = CUT_RULES[architecture];
    if (range === undefined || rules === undefined)
      throw new EngineError('unsupported-model', `${path} is no slab of a model; cut one with ogong model split`);
    const { from, to, layers } = range;
    const place: SegmentPlace = from === 0 ? 'first' : to === layers ? 'last' : 'interior';
    if (from === 0 && to === layers) throw new GgufError('the slab claims the whole model');
    const words = metadata.get('tokenizer.ggml.tokens')?.value;
    return {
      ...{ path, architecture, place, from, to },
      embeddingSize: numberOf(metadata, `${architecture}.embedding_length`) ?? 0,
      vocabularySize: place !== 'interior' && Array.isArray(words) ? words.length : 0,
      ...readWeightTypes(metadata, tensors),
      ...readSizes(metadata, tensors),
      scalesInput: rules.scalesInput === true,
    };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new EngineError('model-not-found', `there is no slab at ${path}`, { cause });
    if (cause instanceof GgufError) throw new EngineError('model-corrupt', `${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Entry of a manifest for one slab. */
export type ExpectedSlab = Pick<Slab, 'sizeBytes' | 'sha256'>;

/**
 * Reads a slab in full and compares it with its entry in the manifest.
 * @param hashes of files that were read before. Default: the file is read.
 * @returns the file with its stamp; a process loads it only while the stamp is the same.
 * @throws EngineError `model-not-found`, or `model-corrupt` for another file.
 */
export async function verifySlab(path: string, expected: ExpectedSlab, hashes?: FileHashes): Promise<StampedFile> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new EngineError('model-not-found', `there is no slab at ${path}`);
  const refuse = (what: string): EngineError =>
    new EngineError('model-corrupt', `the slab at ${path} is not the one of the manifest: ${what}; fetch it again`);
  if (found.size !== expected.sizeBytes)
    throw refuse(`it has ${found.size} bytes, the manifest says ${expected.sizeBytes}`);
  try {
    const { shards } = await hashModelFile(path, hashes);
    const [shard] = shards;
    if (shard === undefined || shards.length > 1) throw refuse('its name is that of a split model');
    if (toHex(shard.sha256) !== toHex(expected.sha256))
      throw refuse(`its SHA-256 is ${toHex(shard.sha256)}, the manifest says ${toHex(expected.sha256)}`);
    return { path, stamp: shard.stamp };
  } catch (cause) {
    if (cause instanceof ModelError) throw new EngineError('model-corrupt', cause.message, { cause });
    throw cause;
  }
}
