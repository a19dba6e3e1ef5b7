import { EngineError } from '@ogong/engine/interface/engine-error';
import { USUAL_CONTEXT } from '@ogong/engine/llama-cpp/device/memory-plan';
import { countCores } from '@ogong/engine/llama-cpp/device/platform';
import type { ChainShape } from '@ogong/engine/llama-cpp/segment/chained-engine';
import type { EngineSettings } from './engine-config.ts';
import type { ReadSlab } from './read-slab.ts';

/** Settings that segments share with whole models. */
export type SlabEngineSettings = Pick<
  EngineSettings,
  'modelsDir' | 'verify' | 'backend' | 'kernels' | 'kvType' | 'isa' | 'threads' | 'sequences' | 'nCtx'
>;

const DEFAULT_SEQUENCES = 2;
const TINY_SLAB_BYTES = 64 * 2 ** 20;

/** Chooses the options of a segment. @throws EngineError `unsupported-model` if segments do not run with these settings. */
export function chooseShape(
  { backend = 'cpu', kernels = 'exact', kvType, isa, nCtx, sequences = DEFAULT_SEQUENCES }: SlabEngineSettings,
  { trainContext = USUAL_CONTEXT }: Pick<ReadSlab, 'trainContext'>,
): ChainShape {
  if ((backend !== 'cpu' && backend !== 'auto') || (kernels !== 'exact' && kernels !== 'tiled'))
    throw new EngineError('unsupported-model', 'segments run on the CPU with --kernels exact or tiled');
  return {
    contextSize: nCtx ?? Math.min(trainContext, USUAL_CONTEXT),
    ...{ sequences, kernels },
    ...(isa !== undefined && { isa }),
    ...(kvType !== undefined && { kvType }),
  };
}

/** Chooses the threads of one of several segments. */
export const chooseThreads = (
  { threads }: Pick<SlabEngineSettings, 'threads'>,
  { weightBytes }: Pick<ReadSlab, 'weightBytes'>,
  segments: number,
): number => threads ?? (weightBytes < TINY_SLAB_BYTES ? 1 : Math.max(1, Math.floor(countCores() / segments)));
