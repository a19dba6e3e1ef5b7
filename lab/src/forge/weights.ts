import { type FloatTensor, type GgufDraft, layerOf, mapValues } from './gguf-draft.ts';
import { createGaussian } from './random.ts';

/** Gives every weight an independent relative error. @param amount standard deviation, relative. */
export function addNoise(draft: GgufDraft, { amount, seed }: { amount: number; seed: number }): GgufDraft {
  return mapValues(draft, (_, index) => (values) => {
    const gaussian = createGaussian(seed * 100_003 + index);
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * (1 + amount * gaussian());
    return values;
  });
}

const ATTENTION = new Set(['attn_q.weight', 'attn_v.weight']);

/** W + amount * |W| * B A / |B A|, with random B [out, rank] and A [rank, in]. */
export function addLowRank(
  draft: GgufDraft,
  { amount, rank, matrices, seed }: { amount: number; rank: number; matrices: 'all' | 'attention'; seed: number },
): GgufDraft {
  return mapValues(draft, (tensor, index) => {
    const part = layerOf(tensor.name)?.part;
    if (part === undefined || tensor.dimensions.length !== 2) return undefined;
    if (matrices === 'attention' && !ATTENTION.has(part)) return undefined;
    return (values) => addProduct(values, tensor, { amount, rank, gaussian: createGaussian(seed * 100_003 + index) });
  });
}

function addProduct(
  values: Float32Array,
  { dimensions }: FloatTensor,
  { amount, rank, gaussian }: { amount: number; rank: number; gaussian: () => number },
): Float32Array {
  const [width = 0, height = 0] = dimensions;
  const a = Float64Array.from({ length: rank * width }, gaussian);
  const b = Float64Array.from({ length: height * rank }, gaussian);
  const change = new Float64Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let k = 0; k < rank; k++) {
      const weight = b[row * rank + k] as number;
      for (let column = 0; column < width; column++) {
        const at = row * width + column;
        change[at] = (change[at] as number) + weight * (a[k * width + column] as number);
      }
    }
  }
  const scale = (amount * norm(values)) / norm(change);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + scale * (change[i] as number);
  return values;
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}
