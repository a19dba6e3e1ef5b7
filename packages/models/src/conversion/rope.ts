import { computeExp, computeLog } from '@ogong/protocol/base/elementary';
import { z } from 'zod';
import type { GgufValue } from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import type { ModelFamily, ModelShape, RopeScaling } from './model-shape.ts';

const factor = z.number().min(1).max(1e6);
const llama3Schema = z.object({
  factor,
  low_freq_factor: z.number().positive().max(1e6),
  high_freq_factor: z.number().positive().max(1e6),
  original_max_position_embeddings: z
    .int()
    .min(1)
    .max(1 << 26),
});

/**
 * Reads `rope_scaling` or `rope_parameters` of a configuration.
 * @throws ModelError `not-convertible` for a kind without a rule here, `corrupt` for values that are missing or absurd.
 */
export function readRopeScaling(
  fields: Readonly<Record<string, unknown>> | undefined,
  { family, path }: { readonly family: Pick<ModelFamily, 'pairsNeighbours'>; readonly path: string },
): RopeScaling {
  const kind = fields?.rope_type ?? fields?.type ?? 'default';
  if (kind === 'default') return { kind: 'none' };
  const read = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(fields);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new ModelError('corrupt', `${path}: rope scaling: ${issue?.path.join('.')}: ${issue?.message}`);
  };
  if (kind === 'linear') return { kind, ...read(z.object({ factor })) };
  if (kind === 'llama3' && family.pairsNeighbours) {
    const scaling = read(llama3Schema);
    if (scaling.high_freq_factor <= scaling.low_freq_factor)
      throw new ModelError('corrupt', `${path}: rope scaling: high_freq_factor is not above low_freq_factor`);
    return { kind, ...scaling };
  }
  throw new ModelError(
    'not-convertible',
    `${path} scales positions by ${JSON.stringify(kind).slice(0, 60)}; this converter knows linear, and llama3 for llama`,
  );
}

/** Returns the metadata about rotary positions, without the architecture's name in front. */
export function describeRope({ headSize, ropeBase, ropeScaling }: ModelShape): Readonly<Record<string, GgufValue>> {
  return {
    'rope.dimension_count': { type: 'u32', value: headSize },
    'rope.freq_base': { type: 'f32', value: ropeBase },
    ...(ropeScaling.kind === 'linear' && {
      'rope.scaling.type': { type: 'string', value: 'linear' },
      'rope.scaling.factor': { type: 'f32', value: ropeScaling.factor },
    }),
  };
}

/**
 * Computes the divisors of the frequencies for a scaling of kind `llama3`, f32[headSize / 2], each from 1 to its factor. It uses the
 * project's own logarithm and exponential, so each machine gets the same bits.
 * @returns undefined for another kind.
 * Source: transformers, "Utilities for Rotary Embedding", `llama3`.
 */
export function computeRopeDivisors({
  headSize,
  ropeBase,
  ropeScaling,
}: Pick<ModelShape, 'headSize' | 'ropeBase' | 'ropeScaling'>): Float32Array | undefined {
  if (ropeScaling.kind !== 'llama3') return undefined;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: old } = ropeScaling;
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * computeExp((computeLog(ropeBase) * 2 * i) / headSize);
    if (wavelength < old / high) return 1;
    if (wavelength > old / low) return factor;
    const smooth = (old / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
