/** GGUF metadata value types (source: ggml/gguf.md of its documentation, version 3). */
export const GgufType = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

export type GgufScalar = number | bigint | boolean | string;

export type GgufValue =
  | { readonly type: Exclude<keyof typeof GgufType, 'array'>; readonly value: GgufScalar }
  | {
      readonly type: 'array';
      readonly of: Exclude<keyof typeof GgufType, 'array'>;
      readonly value: readonly GgufScalar[];
    };

/** All tensor types of the pinned llama.cpp: values per block and bytes per block. Their numbers are those of ggml.h. */
export const TENSOR_TYPES: ReadonlyMap<number, { name: string; elements: number; bytes: number }> = new Map(
  (
    [
      [0, 'f32', 1, 4],
      [1, 'f16', 1, 2],
      [2, 'q4_0', 32, 18],
      [3, 'q4_1', 32, 20],
      [6, 'q5_0', 32, 22],
      [7, 'q5_1', 32, 24],
      [8, 'q8_0', 32, 34],
      [9, 'q8_1', 32, 36],
      [10, 'q2_k', 256, 84],
      [11, 'q3_k', 256, 110],
      [12, 'q4_k', 256, 144],
      [13, 'q5_k', 256, 176],
      [14, 'q6_k', 256, 210],
      [15, 'q8_k', 256, 292],
      [16, 'iq2_xxs', 256, 66],
      [17, 'iq2_xs', 256, 74],
      [18, 'iq3_xxs', 256, 98],
      [19, 'iq1_s', 256, 50],
      [20, 'iq4_nl', 32, 18],
      [21, 'iq3_s', 256, 110],
      [22, 'iq2_s', 256, 82],
      [23, 'iq4_xs', 256, 136],
      [24, 'i8', 1, 1],
      [25, 'i16', 1, 2],
      [26, 'i32', 1, 4],
      [27, 'i64', 1, 8],
      [28, 'f64', 1, 8],
      [29, 'iq1_m', 256, 56],
      [30, 'bf16', 1, 2],
      [34, 'tq1_0', 256, 54],
      [35, 'tq2_0', 256, 66],
      [39, 'mxfp4', 32, 17],
      [40, 'nvfp4', 64, 36],
      [41, 'q1_0', 128, 18],
      [42, 'q2_0', 64, 18],
    ] as const
  ).map(([id, name, elements, bytes]) => [id, { name, elements, bytes }]),
);

export interface GgufTensor {
  readonly name: string;
  /** ggml order: the first is the contiguous one. */
  readonly dimensions: readonly number[];
  readonly type: number;
  /** From the start of the data section. */
  readonly offset: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
  /** Where the data section begins in the file. */
  readonly dataOffset: number;
}

export class GgufError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GgufError';
  }
}

/** Bytes that a tensor occupies; undefined for a tensor type this reader does not know. */
export function computeTensorBytes(tensor: Pick<GgufTensor, 'dimensions' | 'type'>): number | undefined {
  const layout = TENSOR_TYPES.get(tensor.type);
  if (layout === undefined) return undefined;
  const elements = tensor.dimensions.reduce((product, dimension) => product * dimension, 1);
  return (elements / layout.elements) * layout.bytes;
}

export function stringOf(metadata: ReadonlyMap<string, GgufValue>, key: string): string | undefined {
  const entry = metadata.get(key);
  return typeof entry?.value === 'string' ? entry.value : undefined;
}

export function numberOf(metadata: ReadonlyMap<string, GgufValue>, key: string): number | undefined {
  const value = metadata.get(key)?.value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' ? value : undefined;
}
