import { statSync } from 'node:fs';
import { PROJECTOR_ARCHITECTURE } from '../encoder-folder.ts';
import { assertWholeGguf } from '../gguf/check.ts';
import { readGgufHeader } from '../gguf/read.ts';
import {
  computeTensorBytes,
  GgufError,
  type GgufHeader,
  type GgufTensor,
  numberOf,
  stringOf,
  TENSOR_TYPES,
} from '../gguf/types.ts';
import { ModelError } from '../model-error.ts';
import { WEIGHT_TYPES } from '../onnx/write.ts';

/** ONNX's codes by the types of tensors that are read. */
const READ_TYPES: ReadonlyMap<string, number> = new Map([
  ['f32', WEIGHT_TYPES.float32],
  ['f16', WEIGHT_TYPES.float16],
  ['bf16', WEIGHT_TYPES.bfloat16],
]);

/** A tensor of the file, with the place of its bytes. */
export interface ProjectorTensor {
  readonly name: string;
  /** Row-major: the last is the contiguous one. */
  readonly shape: readonly number[];
  /** ONNX's code. */
  readonly type: number;
  /** From the beginning of the file. */
  readonly offset: number;
  readonly length: number;
}

/** A projector in a GGUF file. Its header is read; the bytes of tensors are not. */
export interface ProjectorFile {
  readonly path: string;
  readonly sizeBytes: number;
  hasKey(key: string): boolean;
  text(key: string): string | undefined;
  flag(key: string): boolean;
  /** An integer of 1 to `most`. @param usual the value of a missing key; without it the key is needed. */
  count(key: string, most: number, usual?: number): number;
  /** A positive number below 1. */
  fraction(key: string): number;
  /** Three finite numbers, one for each colour. */
  colours(key: string): readonly number[];
  /** Integers of an array; empty if the key is missing. */
  integers(key: string): readonly number[];
  hasTensor(name: string): boolean;
  /** The sizes of a tensor, before it is taken. */
  shapeOf(name: string): readonly number[];
  /** Takes a tensor of this shape. */
  take(name: string, shape: readonly number[]): ProjectorTensor;
  /** Refuses a file with tensors that nobody took: its network is another one. */
  assertAllTaken(): void;
  refuse(problem: string): never;
}

const formatShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function readWhole(path: string): GgufHeader {
  try {
    const header = readGgufHeader(path);
    assertWholeGguf(path, header);
    return header;
  } catch (cause) {
    if (!(cause instanceof GgufError)) throw cause;
    throw new ModelError('corrupt', `${path} is no whole projector: ${cause.message.replaceAll(path, 'the file')}`, {
      cause,
    });
  }
}

/**
 * Opens a projector.
 * @throws ModelError: 'bad-reference' for a GGUF file of another kind, 'corrupt' for a file that is not whole. Methods throw
 *   ModelError('corrupt').
 */
export function openProjectorFile(path: string): ProjectorFile {
  const header = readWhole(path);
  const { metadata } = header;
  const architecture = stringOf(metadata, 'general.architecture');
  if (architecture !== PROJECTOR_ARCHITECTURE)
    throw new ModelError(
      'bad-reference',
      `${path} is no projector: its architecture is "${architecture ?? 'missing'}", and that of a projector is "${PROJECTOR_ARCHITECTURE}"; name the file mmproj-....gguf that belongs to the model`,
    );
  const refuse = (problem: string): never => {
    throw new ModelError('corrupt', `${path}: ${problem}`);
  };
  const tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  const taken = new Set<string>();
  const find = (name: string): GgufTensor => tensors.get(name) ?? refuse(`tensor ${name} is missing`);
  const rowMajor = ({ dimensions }: GgufTensor): readonly number[] => [...dimensions].reverse();
  const show = (key: string): string => {
    const entry = metadata.get(key);
    if (entry === undefined) return 'missing';
    return entry.type === 'array' ? `an array of ${entry.value.length}` : String(entry.value).slice(0, 80);
  };

  return {
    path,
    sizeBytes: statSync(path).size,
    hasKey: (key) => metadata.has(key),
    text: (key) => stringOf(metadata, key),
    flag: (key) => metadata.get(key)?.value === true,
    count(key, most, usual) {
      const value = metadata.has(key) ? numberOf(metadata, key) : usual;
      if (value !== undefined && Number.isInteger(value) && value >= 1 && value <= most) return value;
      return refuse(`${key} is ${show(key)}; possible are 1 to ${most}`);
    },
    fraction(key) {
      const value = numberOf(metadata, key);
      if (value !== undefined && value > 0 && value < 1) return value;
      return refuse(`${key} is ${show(key)}; possible are numbers between 0 and 1`);
    },
    colours(key) {
      const { value } = metadata.get(key) ?? {};
      const isRight = Array.isArray(value) && value.length === 3 && value.every((each) => Number.isFinite(each));
      return isRight ? (value as readonly number[]) : refuse(`${key} is ${show(key)}, not three numbers`);
    },
    integers(key) {
      const { value = [] } = metadata.get(key) ?? {};
      const isRight = Array.isArray(value) && value.every((each) => Number.isSafeInteger(Number(each)));
      return isRight ? value.map(Number) : refuse(`${key} is ${show(key)}, not a list of integers`);
    },
    hasTensor: (name) => tensors.has(name),
    shapeOf: (name) => rowMajor(find(name)),
    take(name, shape) {
      const tensor = find(name);
      const found = rowMajor(tensor);
      if (formatShape(found) !== formatShape(shape))
        refuse(`tensor ${name} has the shape ${formatShape(found)}; the configuration says ${formatShape(shape)}`);
      const { name: typeName = `type ${tensor.type}` } = TENSOR_TYPES.get(tensor.type) ?? {};
      const type = READ_TYPES.get(typeName);
      if (type === undefined)
        return refuse(
          `tensor ${name} is ${typeName}; read are ${[...READ_TYPES.keys()].join(', ')}; take the projector in f16 of the same model`,
        );
      const length = computeTensorBytes(tensor) as number;
      const offset = header.dataOffset + tensor.offset;
      // The runtime reads values of up to 4 bytes where they lie.
      if (!Number.isSafeInteger(length) || offset % 4 !== 0)
        refuse(`tensor ${name} does not lie at a multiple of 4 bytes`);
      taken.add(name);
      return { name, shape, type, offset, length };
    },
    assertAllTaken() {
      const left = [...tensors.keys()].filter((name) => !taken.has(name));
      if (left.length > 0)
        refuse(
          `${left.length} tensors belong to no known part of this network, such as ${left.slice(0, 3).join(', ')}`,
        );
    },
    refuse,
  };
}
