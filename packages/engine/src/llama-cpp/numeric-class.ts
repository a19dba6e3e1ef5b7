/**
 * The numeric class names everything besides the weights' bytes that decides the last bit of a logit:
 *
 *   llama.cpp-<release>/<backend>/<isa>/<kernels>/<weights>/kv-<type>
 *
 * kernels: `exact`   every pass equals ggml's reference kernels bit for bit, flash attention on (quantised weights);
 *          `exact-2` the same, and every pass has two rows or more (float weights, whose one-row kernel differs);
 *          `fast`    ggml's choice per pass: repacked weights, tiled attention; no bit-exact twin.
 * docs/adr/0004-exact-class.md has the measurements.
 */
export interface NumericClass {
  readonly build: string;
  readonly backend: string;
  readonly isa: string;
  readonly kernels: KernelPath;
  readonly weights: string;
  readonly kv: string;
}

export type KernelPath = 'exact' | 'exact-2' | 'fast';

const KERNELS: readonly string[] = ['exact', 'exact-2', 'fast'];
const PATTERN =
  /^(llama\.cpp-[0-9.]{1,16})\/([a-z0-9]{1,16})\/([a-z0-9._]{1,24})\/([a-z0-9-]{1,16})\/([a-z0-9_]{1,16})\/kv-([a-z0-9_]{1,8})$/;

export function formatNumericClass({ build, backend, isa, kernels, weights, kv }: NumericClass): string {
  return `${build}/${backend}/${isa}/${kernels}/${weights}/kv-${kv}`;
}

/** @returns undefined for a class of another engine, or none at all. */
export function parseNumericClass(text: string): NumericClass | undefined {
  const match = PATTERN.exec(text);
  if (match === null || !KERNELS.includes(match[4] as string)) return undefined;
  const [, build, backend, isa, kernels, weights, kv] = match as unknown as string[];
  return { build, backend, isa, kernels, weights, kv } as NumericClass;
}

/** ISAs whose libraries were measured to give the same bits; the first names the class. */
const ISA_CLASSES: readonly (readonly string[])[] = [
  ['haswell', 'alderlake'],
  ['skylakex', 'cascadelake', 'cooperlake', 'icelake', 'zen4'],
];

export const isaClassOf = (isa: string): string => ISA_CLASSES.find((members) => members.includes(isa))?.[0] ?? isa;

/** The libraries that compute a class, in the class's order. */
export const isasOfClass = (isaClass: string): readonly string[] =>
  ISA_CLASSES.find((members) => members[0] === isaClass) ?? [isaClass];

const FLOAT_WEIGHTS = new Set(['f32', 'f16', 'bf16']);

export const exactKernelsFor = (weights: string): KernelPath => (FLOAT_WEIGHTS.has(weights) ? 'exact-2' : 'exact');
