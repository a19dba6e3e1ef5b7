import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { countLayers, type LayerRange, planSlabs } from './plan-slabs.ts';
import { SlabError } from './slab-error.ts';
import { openTensorReader, readSourceModel } from './source-model.ts';
import { writeSlab } from './write-slab.ts';

export interface KeptSlab extends LayerRange {
  readonly path: string;
  /** Layers of the model. */
  readonly layers: number;
}

export interface KeepSlabOptions {
  /** Root of the model's files, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Folder of all models. Slabs are kept in a folder of their own there. */
  readonly storeDir: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Cuts layers out of a model, unless that was done before.
 * @param pick chooses the layers by their number.
 * @throws SlabError if the cut is refused, GgufError or ModelError if the model cannot be read.
 */
export function keepSlab(
  modelPath: string,
  pick: (layers: number) => LayerRange,
  { modelRoot, storeDir, signal }: KeepSlabOptions,
): KeptSlab {
  const source = readSourceModel(modelPath);
  const layers = countLayers(source.metadata);
  const { from, to } = pick(layers);
  if (!(from < to && to <= layers))
    throw new SlabError(
      'bad-edges',
      `the model has ${layers} layers, from 0, so it has no layers ${from} to ${to - 1}`,
    );
  const edges = [from, to].filter((edge) => edge > 0 && edge < layers);
  const plan = planSlabs(source, edges).find((slab) => slab.from === from);
  if (plan === undefined) throw new SlabError('bad-edges', `no slab of the model begins at layer ${from}`);
  const folder = join(storeDir, 'slabs');
  const path = join(folder, `${toHex(modelRoot)}-${from}-${to}.gguf`);
  if (existsSync(path)) return { path, from, to, layers };
  mkdirSync(folder, { recursive: true });
  const draft = `${path}.${randomUUID()}.part`;
  const reader = openTensorReader(source);
  try {
    writeSlab(draft, plan, reader, { signal });
    renameSync(draft, path);
  } finally {
    reader.close();
    rmSync(draft, { force: true });
  }
  return { path, from, to, layers };
}
