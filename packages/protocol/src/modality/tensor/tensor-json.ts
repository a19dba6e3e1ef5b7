import { ProtocolError } from '../../base/bytes.ts';
import { readScalar } from './signature.ts';
import { decodeTensorData, encodeTensorData, type TensorValue } from './tensor-data.ts';
import { countValues, TENSOR_TYPES, type Tensor, type TensorForm, type TensorType } from './tensor-form.ts';
import { encodeTensorResponse } from './tensor-list.ts';

/** An output as an answer shows it. The order of the keys in `outputs` is that of the reply. */
export interface ShownTensor extends Pick<TensorForm, 'dtype' | 'shape'> {
  /** Row-major. A JSON number names each float exactly; integers beyond 2^53 and floats that are not finite are strings. */
  readonly data: readonly (number | string | boolean)[];
}

export interface ShownTensors {
  readonly object: 'tensors';
  readonly model: string;
  readonly outputs: Readonly<Record<string, ShownTensor>>;
  /** Names in the order that the signature covers. JSON objects have no order that every reader keeps. */
  readonly output_names: readonly string[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

const showValue = (value: TensorValue): number | string | boolean => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
};

/** Formats the outputs of a reply. */
export function formatTensors(
  { model }: { readonly model: string },
  { tensors, units }: { readonly tensors: readonly Tensor[]; readonly units: number },
): ShownTensors {
  const shown = tensors.map((tensor): [string, ShownTensor] => {
    const { name, dtype, shape } = tensor;
    return [name, { dtype, shape, data: decodeTensorData(tensor).map(showValue) }];
  });
  return {
    object: 'tensors',
    model,
    outputs: Object.fromEntries(shown),
    output_names: tensors.map(({ name }) => name),
    usage: { prompt_tokens: units, total_tokens: units },
  };
}

/**
 * Computes the bytes that a provider must have signed for the outputs that an answer shows.
 * @throws ProtocolError `malformed` unless formatTensors would show exactly this.
 */
export function readShownTensors(answer: unknown): Uint8Array {
  const { outputs, output_names: names } = asObject(answer);
  const shown = asObject(outputs);
  if (!Array.isArray(names) || names.length !== Object.keys(shown).length)
    throw new ProtocolError('malformed', 'output_names and outputs differ');
  return encodeTensorResponse(
    names.map((name) => {
      if (typeof name !== 'string' || !Object.hasOwn(shown, name))
        throw new ProtocolError('malformed', `there is no output ${String(name).slice(0, 40)}`);
      return readShown(name, asObject(shown[name]));
    }),
  );
}

function readShown(name: string, { dtype, shape, data }: Readonly<Record<string, unknown>>): Tensor {
  if (!TENSOR_TYPES.includes(dtype as TensorType) || !Array.isArray(shape) || !Array.isArray(data))
    throw new ProtocolError('malformed', `the output ${name} has no dtype, shape and data`);
  if (data.length !== countValues(shape))
    throw new ProtocolError('malformed', `the output ${name} has ${data.length} values, its shape has another number`);
  const type = dtype as TensorType;
  const values = data.map((value) => {
    const read = readScalar(type, value);
    if (read === undefined || !isExact(type, read)) throw new ProtocolError('malformed', `${name}: no ${type}`);
    return read;
  });
  return { name, dtype: type, shape, data: encodeTensorData(type, values) };
}

const isExact = (dtype: TensorType, value: TensorValue): boolean =>
  dtype !== 'float32' || Object.is(Math.fround(value as number), value);

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ProtocolError('malformed', 'no object of outputs');
}
