import { type Codec, type CodecType, createFormat, list, oneOf, refine, struct, u8, u32 } from '../../base/codec.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { RequestError } from '../shared/request-error.ts';
import type { GivenTensor, Scalar } from './given-tensor.ts';
import type { TensorRequest } from './request.ts';
import { decodeTensorData, encodeTensorData, type TensorValue } from './tensor-data.ts';
import {
  assertDistinct,
  MAX_DIMENSIONS,
  MAX_TENSORS,
  TENSOR_TYPES,
  type Tensor,
  type TensorType,
  tensorName,
} from './tensor-form.ts';

/** A size that each run chooses. */
export const OPEN_SIZE = 0xffffffff;

const specCodec = struct({
  name: tensorName,
  dtype: oneOf(TENSOR_TYPES),
  /** Sizes; OPEN_SIZE for one that each run chooses. Empty also if the model states no shape. */
  sizes: list(u32, { count: u8, max: MAX_DIMENSIONS }),
});
/** An input or an output as a model declares it. */
export interface TensorSpec extends CodecType<typeof specCodec> {}

const specs: Codec<readonly TensorSpec[]> = refine(
  list(specCodec, { count: u8, min: 1, max: MAX_TENSORS }),
  assertDistinct,
);
const signatureCodec = struct({ inputs: specs, outputs: specs });
const signatureFormat = createFormat(signatureCodec, { tag: 'ogong-tensor-signature-v1' });

/** The inputs and outputs of a model, in the order of its file. */
export interface ModelSignature extends CodecType<typeof signatureCodec> {}

/** Hashes a model's signature, 32 bytes. @throws ProtocolError for a signature beyond the bounds of this modality. */
export const hashSignature = ({ sha256 }: Pick<Crypto, 'sha256'>, signature: ModelSignature): Uint8Array =>
  sha256(signatureFormat.encode(signature));

/** Tensors and outputs of a request, in the terms of one model. */
export interface BoundRequest {
  /** In the order of the model. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs, in the order of the reply. */
  readonly outputs: readonly string[];
}

/** Reads a request as a model does. Provider and verifier get the same bytes. @throws RequestError naming the input. */
export function bindRequest(
  { inputs, outputs }: Pick<TensorRequest, 'inputs' | 'outputs'>,
  signature: ModelSignature,
): BoundRequest {
  const known = signature.inputs.map(({ name }) => name);
  const stranger = inputs.find(({ name }) => !known.includes(name));
  if (stranger !== undefined)
    throw new RequestError(`the model has no input ${stranger.name}; it reads ${known.join(', ')}`, 'inputs');
  const bound = signature.inputs.map((spec) => {
    const given = inputs.find(({ name }) => name === spec.name);
    if (given === undefined) throw new RequestError(`the input ${spec.name} is missing`, `inputs.${spec.name}`);
    return bindInput(given, spec);
  });
  const made = signature.outputs.map(({ name }) => name);
  const unknown = outputs.find((name) => !made.includes(name));
  if (unknown !== undefined)
    throw new RequestError(`the model has no output ${unknown}; it makes ${made.join(', ')}`, 'outputs');
  return { inputs: bound, outputs: outputs.length === 0 ? made : outputs };
}

function bindInput({ name, dtype: stated, shape, values }: GivenTensor, { dtype, sizes }: TensorSpec): Tensor {
  const param = `inputs.${name}`;
  const refuse = (why: string): never => {
    throw new RequestError(`${param}: ${why}`, param);
  };
  if (stated !== undefined && stated !== dtype) refuse(`the model reads ${dtype}, not ${stated}`);
  const isOfShape = sizes.length === shape.length && sizes.every((size, i) => size === OPEN_SIZE || size === shape[i]);
  if (sizes.length > 0 && !isOfShape)
    refuse(`the model reads the shape ${formatSizes(sizes)}, not ${formatSizes(shape)}`);
  if (values instanceof Uint8Array) {
    try {
      decodeTensorData({ dtype, shape, data: values });
    } catch (error) {
      refuse((error as Error).message);
    }
    return { name, dtype, shape, data: values };
  }
  const read = READ[dtype];
  const data = encodeTensorData(
    dtype,
    values.map((value) => read(value) ?? refuse(`${JSON.stringify(value).slice(0, 40)} is no ${dtype}`)),
  );
  return { name, dtype, shape, data };
}

const formatSizes = (sizes: readonly number[]): string =>
  `[${sizes.map((size) => (size === OPEN_SIZE ? '?' : size)).join(', ')}]`;

const INTEGER_TEXT = /^-?(?:0|[1-9][0-9]{0,18})$/;
/** Spellings of floats that JSON numbers lack. */
const FLOAT_WORDS: Readonly<Record<string, number>> = {
  ...{ NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY },
};

type ReadScalar = (value: Scalar) => TensorValue | undefined;

const readFloat = (value: Scalar): number | undefined => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && Object.hasOwn(FLOAT_WORDS, value) ? FLOAT_WORDS[value] : undefined;
};

const readInteger =
  (low: number, high: number): ReadScalar =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high ? value : undefined;

function readLong(value: Scalar): bigint | undefined {
  // Beyond 2^53 a JSON number has lost digits, so such values are decimal strings.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || !INTEGER_TEXT.test(value)) return undefined;
  const long = BigInt(value);
  return BigInt.asIntN(64, long) === long ? long : undefined;
}

function readSingle(value: Scalar): number | undefined {
  const read = readFloat(value);
  const isTooLarge = read !== undefined && Number.isFinite(read) && !Number.isFinite(Math.fround(read));
  return isTooLarge ? undefined : read;
}

/** Makes a value of each type of a scalar in JSON; undefined if the type has no such value. */
const READ: Readonly<Record<TensorType, ReadScalar>> = {
  float32: readSingle,
  float64: readFloat,
  int32: readInteger(-(2 ** 31), 2 ** 31 - 1),
  int64: readLong,
  uint8: readInteger(0, 255),
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  string: (value) => (typeof value === 'string' ? value : undefined),
};

/** Reads a value that an answer shows. @returns undefined if the type has no such value. */
export const readScalar = (dtype: TensorType, value: unknown): TensorValue | undefined =>
  typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' ? READ[dtype](value) : undefined;
