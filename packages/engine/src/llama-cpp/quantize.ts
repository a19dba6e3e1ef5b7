import { EngineError } from '../interface/engine-error.ts';
import type { LlamaLibrary, StructFields } from './library.ts';

/** llama.cpp's file types (include/llama.h, enum llama_ftype), the ones this project produces itself. */
const FILE_TYPES = { f16: 1, q4_0: 2, q8_0: 7, q5_0: 8, q2_k: 10, q3_k_m: 12, q4_k_m: 15, q5_k_m: 17 } as const;

export type QuantName = keyof typeof FILE_TYPES;

export const isQuantName = (name: string): name is QuantName => Object.hasOwn(FILE_TYPES, name);

/** Finds a type of weights by `general.file_type` of a GGUF file. @returns undefined for one that this project does not produce. */
export const findQuantName = (fileType: number): QuantName | undefined =>
  quantNames()
    .filter(isQuantName)
    .find((name) => FILE_TYPES[name] === fileType);

export const quantNames = (): string[] => Object.keys(FILE_TYPES);

/** Rewrites a GGUF file in another weight type. @throws EngineError if llama.cpp refuses. */
export function quantizeModel(library: LlamaLibrary, source: string, target: string, quant: QuantName): void {
  const params: StructFields = {
    ...(library.quantizeDefaultParams() as StructFields),
    ftype: FILE_TYPES[quant],
    // One thread: the bytes must not depend on the machine.
    nthread: 1,
  };
  const code = library.quantize(source, target, params) as number;
  if (code !== 0)
    throw new EngineError('unsupported-model', `llama.cpp could not quantize ${source} to ${quant} (code ${code})`);
}
