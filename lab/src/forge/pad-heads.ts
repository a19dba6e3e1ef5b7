import { numberOf } from '@ogong/models/gguf/types';
import { type FloatTensor, type GgufDraft, layerOf, shapeOf, withShape } from './gguf-draft.ts';

const DEFAULT_ROPE_BASE = 10_000;

/**
 * Widens every attention head with zeros. The query weights compensate for the scale of the scores, which depends on the head
 * size. The format's table of frequency factors keeps the frequencies of the rotation.
 * @throws RangeError if heads would not get wider; TypeError if the model already has such a table.
 */
export function padHeads(draft: GgufDraft, headSize: number): GgufDraft {
  const heads = shapeOf(draft, 'attention.head_count');
  const before = shapeOf(draft, 'embedding_length') / heads;
  if (!Number.isInteger(headSize) || headSize <= before || headSize % 2 !== 0) {
    throw new RangeError(`heads of ${before} cannot be padded to ${headSize}`);
  }
  if (draft.tensors.some(({ name }) => name === 'rope_freqs.weight')) throw new TypeError('the model has rope factors');
  const sizes = { before, after: headSize };
  const tensors = draft.tensors.map((tensor): FloatTensor => {
    const part = layerOf(tensor.name)?.part;
    const [input = 0, output = 0] = tensor.dimensions;
    if (part === 'attn_q.weight' || part === 'attn_k.weight' || part === 'attn_v.weight') {
      const scale = part === 'attn_q.weight' ? Math.sqrt(headSize / before) : 1;
      return {
        ...tensor,
        dimensions: [input, (output / before) * headSize],
        read: () => padRows(tensor.read(), input, { ...sizes, scale }),
      };
    }
    if (part === 'attn_output.weight') {
      return {
        ...tensor,
        dimensions: [(input / before) * headSize, output],
        // One row per output, whose inputs are the heads one after another: padded as rows of one value each.
        read: () => padRows(tensor.read(), 1, { ...sizes, scale: 1 }),
      };
    }
    return tensor;
  });
  const base = numberOf(draft.metadata, 'llama.rope.freq_base') ?? DEFAULT_ROPE_BASE;
  const widened = ['rope.dimension_count', 'attention.key_length', 'attention.value_length'].reduce(
    (model, key) => withShape(model, key, headSize),
    { ...draft, tensors },
  );
  const factors = { name: 'rope_freqs.weight', dimensions: [headSize / 2], read: () => keepFrequencies(base, sizes) };
  return { ...widened, tensors: [factors, ...widened.tensors] };
}

interface HeadSizes {
  readonly before: number;
  readonly after: number;
}

/** Rows of `length` values, in groups of `before`, each group filled up with zeros to `after`. */
function padRows(
  values: Float32Array,
  length: number,
  { before, after, scale }: HeadSizes & { readonly scale: number },
): Float32Array {
  const groups = values.length / (length * before);
  const out = new Float32Array(groups * after * length);
  for (let group = 0; group < groups; group++) {
    for (let i = 0; i < before * length; i++) {
      out[group * after * length + i] = (values[group * before * length + i] as number) * scale;
    }
  }
  return out;
}

/** Divisors of each pair's angle, so that a head of another size rotates as fast as before. */
const keepFrequencies = (base: number, { before, after }: HeadSizes): Float32Array =>
  Float32Array.from({ length: after / 2 }, (_, i) =>
    i < before / 2 ? base ** ((2 * i) / before - (2 * i) / after) : 1,
  );
