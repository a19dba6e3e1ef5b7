import { fromBase64, ProtocolError, utf8Encode } from '../../base/bytes.ts';
import { applyRules, type DroppedFields, isAbsent } from '../shared/field-rules.ts';
import { RequestError } from '../shared/request-error.ts';
import type { BodyFields } from '../shared/request-fields.ts';
import { TENSOR_FIELDS } from './fields.ts';
import {
  countValues,
  MAX_DIMENSIONS,
  MAX_TENSOR_NAME,
  TENSOR_TYPES,
  type TensorType,
  TYPE_BYTES,
} from './tensor-form.ts';

export type Scalar = number | string | boolean;

/** An input as a body writes it. The model's own type makes a tensor of it. */
export interface GivenTensor {
  readonly name: string;
  /** Undefined for nested lists, which state no type. */
  readonly dtype: TensorType | undefined;
  readonly shape: readonly number[];
  /** Values in row-major order, or their bytes, little endian. */
  readonly values: readonly Scalar[] | Uint8Array;
}

/** Bytes of a string value that count as one unit. */
const STRING_UNIT_BYTES = 4;

/** @throws RequestError naming the input. */
export function parseGivenTensor(name: string, value: unknown, collected: DroppedFields): GivenTensor {
  const param = `inputs.${name.slice(0, MAX_TENSOR_NAME)}`;
  if (name.length === 0 || !name.isWellFormed() || utf8Encode(name).length > MAX_TENSOR_NAME)
    throw new RequestError(`the name of an input has 1 to ${MAX_TENSOR_NAME} bytes`, param);
  try {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return parseTyped(name, value as BodyFields, { param, collected });
    const values: Scalar[] = [];
    const shape = flatten(value, { values, depth: 0, param });
    countValues(shape);
    return { name, dtype: undefined, shape, values };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new RequestError(`${param}: ${error.message}`, param);
  }
}

function parseTyped(
  name: string,
  fields: BodyFields,
  { param, collected }: { readonly param: string; readonly collected: DroppedFields },
): GivenTensor {
  applyRules(collected, fields, TENSOR_FIELDS, param);
  const { dtype, shape, data } = fields;
  if (!TENSOR_TYPES.includes(dtype as TensorType))
    throw new RequestError(`${param}.dtype is one of ${TENSOR_TYPES.join(', ')}`, `${param}.dtype`);
  if (
    !Array.isArray(shape) ||
    shape.length > MAX_DIMENSIONS ||
    !shape.every((size: unknown) => Number.isInteger(size) && (size as number) >= 0 && (size as number) < 2 ** 31)
  )
    throw new RequestError(`${param}.shape is a list of at most ${MAX_DIMENSIONS} sizes`, `${param}.shape`);
  const values = parseData(dtype as TensorType, data, `${param}.data`);
  const count = countValues(shape);
  const given = values instanceof Uint8Array ? values.length / TYPE_BYTES[dtype as 'uint8'] : values.length;
  if (given !== count)
    throw new RequestError(`${param}: the shape has ${count} values, the data ${given}`, `${param}.data`);
  return { name, dtype: dtype as TensorType, shape, values };
}

function parseData(dtype: TensorType, data: unknown, param: string): readonly Scalar[] | Uint8Array {
  if (typeof data === 'string') {
    if (dtype === 'string') throw new RequestError(`${param} of strings is a list`, param);
    return fromBase64(data);
  }
  if (Array.isArray(data) && data.every(isScalar)) return data;
  throw new RequestError(`${param} is a list of values, or base64 of their little-endian bytes`, param);
}

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.isWellFormed());

/** Appends the values of nested lists in row-major order. @returns their shape. @throws RequestError if they are not rectangular. */
function flatten(
  value: unknown,
  { values, depth, param }: { readonly values: Scalar[]; readonly depth: number; readonly param: string },
): readonly number[] {
  if (isScalar(value)) {
    values.push(value);
    return [];
  }
  if (!Array.isArray(value) || depth >= MAX_DIMENSIONS)
    throw new RequestError(`${param} is a value, or lists of values at most ${MAX_DIMENSIONS} deep`, param);
  let inner: readonly number[] | undefined;
  for (const item of value as readonly unknown[]) {
    const shape = flatten(item, { values, depth: depth + 1, param });
    inner ??= shape;
    if (shape.length !== inner.length || shape.some((size, i) => size !== inner?.[i]))
      throw new RequestError(`${param} is not rectangular: its lists differ in length`, param);
  }
  return [value.length, ...(inner ?? [])];
}

/** Counts the units of inputs: one for each value, or one for every four bytes of a value that is a string. At least 1. */
export function countUnits(inputs: readonly Pick<GivenTensor, 'shape' | 'values'>[]): number {
  const sum = inputs.reduce((units, { shape, values }) => units + countOwn(shape, values), 0);
  return Math.max(1, sum);
}

const countOwn = (shape: readonly number[], values: GivenTensor['values']): number =>
  values instanceof Uint8Array
    ? countValues(shape)
    : values.reduce((sum: number, value) => sum + countScalar(value), 0);

const countScalar = (value: Scalar): number =>
  typeof value === 'string' ? Math.max(1, Math.ceil(utf8Encode(value).length / STRING_UNIT_BYTES)) : 1;

/** Parses the names of outputs; an empty list asks for all of them. @throws RequestError */
export function parseOutputNames(value: unknown, most: number): readonly string[] {
  if (isAbsent(value)) return [];
  const isName = (name: unknown): name is string =>
    typeof name === 'string' && name.length > 0 && name.isWellFormed() && utf8Encode(name).length <= MAX_TENSOR_NAME;
  if (!Array.isArray(value) || value.length === 0 || value.length > most || !value.every(isName))
    throw new RequestError(`outputs is a list of 1 to ${most} names of outputs`, 'outputs');
  if (new Set(value).size !== value.length) throw new RequestError('outputs names one output twice', 'outputs');
  return value;
}
