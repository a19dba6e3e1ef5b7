import { computeTensorBytes } from '../gguf/types.ts';
import type { GgufTensorSource } from '../gguf/write.ts';
import { ModelError } from '../model-error.ts';
import type { WeightFiles, WeightTensor } from '../safetensors/weights.ts';
import type { ConversionRule, ModelShape } from './model-shape.ts';
import { computeRopeDivisors } from './rope.ts';
import { type FloatType, readPaired, widenToFloats } from './tensor-bytes.ts';

const F32 = 0;
/** Types of GGUF by those of safetensors. */
const TYPES: Readonly<Record<FloatType, number>> = { F32, F16: 1, BF16: 30 };

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
/** Values that follow from the configuration; old files have them. */
const DERIVED = /^model\.layers\.\d{1,4}\.self_attn\.rotary_emb\.inv_freq$/;

const isWeightType = (dtype: string): dtype is FloatType => Object.hasOwn(TYPES, dtype);

/**
 * Lists the tensors of the GGUF file, in its order. Matrices keep their type, and vectors become F32.
 * @throws ModelError `corrupt` for a tensor that is missing or has another shape, `not-convertible` for one that no rule describes.
 */
export function planTensors(sizes: ModelShape, weights: WeightFiles): readonly GgufTensorSource[] {
  const { family, layers, embedding, vocabulary, isTied } = sizes;
  const left = new Set([...weights.tensors.keys()].filter((name) => !DERIVED.test(name)));
  const take = (source: string, target: string, shape: readonly number[], rotates?: ConversionRule['rotates']) => {
    left.delete(source);
    const tensor = findTensor(weights, source, shape);
    const heads = rotates !== undefined && family.pairsNeighbours ? sizes[rotates] : undefined;
    return toSource(weights, { tensor, target, heads });
  };
  const planned = [
    take(EMBEDDING, 'token_embd.weight', [vocabulary, embedding]),
    take('model.norm.weight', 'output_norm.weight', [embedding]),
    ...(isTied ? [] : [take(HEAD, 'output.weight', [vocabulary, embedding])]),
    ...planDivisors(sizes),
    ...Array.from({ length: layers }, (_, layer) =>
      family.layer.map(({ source, target, shape, rotates }) =>
        take(`model.layers.${layer}.${source}`, `blk.${layer}.${target}`, shape(sizes), rotates),
      ),
    ).flat(),
  ];
  // Transformers reads the embedding in place of a head that is tied to it.
  if (isTied) left.delete(HEAD);
  const [other] = left;
  if (other !== undefined)
    throw new ModelError(
      'not-convertible',
      `the model has the tensor ${other.slice(0, 100)}, which a dense ${family.architecture} model has not; no converter exists for it`,
    );
  return planned;
}

/** @returns the divisors of the frequencies, if the scaling of positions needs some. */
function planDivisors(sizes: ModelShape): readonly GgufTensorSource[] {
  const divisors = computeRopeDivisors(sizes);
  if (divisors === undefined) return [];
  const bytes = Buffer.alloc(4 * divisors.length);
  divisors.forEach((divisor, i) => void bytes.writeFloatLE(divisor, 4 * i));
  return [{ name: 'rope_freqs.weight', dimensions: [divisors.length], type: F32, read: () => [bytes] }];
}

function findTensor(weights: WeightFiles, name: string, shape: readonly number[]): WeightTensor {
  const tensor = weights.tensors.get(name);
  if (tensor === undefined)
    throw new ModelError('corrupt', `the model has no tensor ${name}, which its config.json needs`);
  if (tensor.shape.join() !== shape.join())
    throw new ModelError(
      'corrupt',
      `${tensor.path}: ${name} has the shape ${tensor.shape.join(' x ').slice(0, 60)}, and config.json needs ${shape.join(' x ')}`,
    );
  return tensor;
}

interface TensorOrder {
  readonly tensor: WeightTensor;
  readonly target: string;
  /** Heads whose rows change places. */
  readonly heads: number | undefined;
}

function toSource(weights: WeightFiles, { tensor, target, heads }: TensorOrder): GgufTensorSource {
  const { path, name, dtype, shape, sizeBytes } = tensor;
  if (!isWeightType(dtype))
    throw new ModelError(
      'not-convertible',
      `${path}: ${name} has the type ${dtype.slice(0, 20)}; weights are F32, F16 or BF16`,
    );
  const dimensions = [...shape].reverse();
  const stored = computeTensorBytes({ dimensions, type: TYPES[dtype] });
  if (stored !== sizeBytes)
    throw new ModelError('corrupt', `${path}: ${name} has ${sizeBytes} bytes, and its shape needs ${stored}`);
  const isVector = shape.length === 1;
  const read = (): Iterable<Uint8Array> =>
    isVector
      ? widenToFloats(dtype, weights.read(tensor))
      : heads === undefined
        ? weights.read(tensor)
        : readPaired(weights, tensor, heads);
  return { name: target, dimensions, type: isVector ? F32 : TYPES[dtype], read };
}
