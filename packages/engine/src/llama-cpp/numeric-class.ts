/**
 * The numeric class names everything besides the weights' bytes that decides the last bit of a logit
 * (docs/spec/numeric-class.md):
 *
 *   llama.cpp-<release>/<backend>/<isa>/<kernels>/<weights>/kv-<type>[-<type>][/no-fa][/unified][/lanes][/unproven]
 *
 * The kernels are one of these:
 *
 * - `exact`: Every pass equals ggml's reference kernels bit for bit, flash attention on (quantised weights).
 * - `exact-2`: The same, and every pass has two rows or more (float matrices, whose one-row kernel differs).
 * - `exact-single`: `exact-2`, but each row with outputs is a pass of its own (float matrices).
 * - `exact-tiled`, `exact-tiled-2`: `exact` and `exact-2`, but prompts of 64 rows and more run on ggml's tiled kernels (prompt-pieces.ts).
 * - `exact-whole`: ggml's reference kernels, and every input is a pass of its own (embeddings). Rows never differ.
 * - `reference`: ggml's reference kernels in every pass.
 * - `plain`: ggml's choice per pass, with weights as they lie in the file and tiled attention. It has no bit-exact twin.
 * - `fast`: The same with repacked weights.
 * - `shaped`: ggml's choice per pass, every pass inside a committed shape class (pass-shapes.ts).
 *
 * docs/adr/exact-classes.md has the measurements.
 */
export interface NumericClass {
  readonly build: string;
  readonly backend: string;
  /** A CPU library, or a device and its driver. */
  readonly isa: string;
  readonly kernels: KernelPath | typeof WHOLE_INPUTS;
  readonly weights: string;
  /** Type of keys and values, or both apart: `q8_0-f16`. */
  readonly kv: string;
  readonly flashAttention: boolean;
  /** One KV cache for all sequences instead of one each. */
  readonly kvUnified: boolean;
  /** Sums over the vocabulary run in lanes (docs/spec/lanes.md), not in ascending order. */
  readonly hasLanes?: boolean;
  /** The kernels should be exact, but a test on this machine showed that they are not, so no bit of theirs is evidence. */
  readonly isUnproven?: boolean;
}

export type KernelPath = ExactPath | TiledPath | typeof SINGLE_ROWS | 'reference' | 'plain' | 'fast' | 'shaped';
type ExactPath = 'exact' | 'exact-2';
type TiledPath = 'exact-tiled' | 'exact-tiled-2';
/** The exact kernels of float weights whose replies run row by row. */
export const SINGLE_ROWS = 'exact-single';
/** The kernels of embeddings that can be reproduced bit for bit. */
export const WHOLE_INPUTS = 'exact-whole';
export type KvType = 'f16' | 'f32' | 'q8_0' | 'q4_0';

const KERNELS: readonly string[] = [
  ...['exact', 'exact-2', SINGLE_ROWS, 'exact-tiled', 'exact-tiled-2', WHOLE_INPUTS],
  ...['reference', 'plain', 'fast', 'shaped'],
];
/** Kernels with which keys and values may have types of their own: they claim no bit. */
export const TAKES_TYPES_APART: readonly string[] = ['plain', 'fast'];
const PATTERN =
  /^(llama\.cpp-[0-9.]{1,16})\/([a-z0-9]{1,16})\/([a-z0-9._-]{1,96})\/([a-z0-9-]{1,16})\/([a-z0-9_]{1,16})\/kv-([a-z0-9_]{1,8}(?:-[a-z0-9_]{1,8})?)(\/no-fa)?(\/unified)?(\/lanes)?(\/unproven)?$/;

export function formatNumericClass(parts: NumericClass): string {
  const { build, backend, isa, kernels, weights, kv, flashAttention, kvUnified, hasLanes, isUnproven } = parts;
  const departures = [
    flashAttention ? '' : '/no-fa',
    kvUnified ? '/unified' : '',
    hasLanes ? '/lanes' : '',
    isUnproven ? '/unproven' : '',
  ];
  return `${build}/${backend}/${isa}/${kernels}/${weights}/kv-${kv}${departures.join('')}`;
}

/** @returns undefined for a class of another engine, or none at all. */
export function parseNumericClass(text: string): NumericClass | undefined {
  const match = PATTERN.exec(text);
  if (match === null || !KERNELS.includes(match[4] as string)) return undefined;
  const [keys, values] = (match[6] as string).split('-');
  if (values !== undefined && (values === keys || !TAKES_TYPES_APART.includes(match[4] as string))) return undefined;
  const [, build, backend, isa, kernels, weights, kv, noFlash, unified, lanes, unproven] = match as (
    | string
    | undefined
  )[];
  return {
    ...{ build, backend, isa, kernels, weights, kv },
    flashAttention: noFlash === undefined,
    kvUnified: unified !== undefined,
    ...(lanes === undefined ? {} : { hasLanes: true }),
    ...(unproven === undefined ? {} : { isUnproven: true }),
  } as NumericClass;
}

/** ISAs whose libraries were measured to give the same bits; the first names the class. */
const ISA_CLASSES: readonly (readonly string[])[] = [
  ['haswell', 'alderlake'],
  ['skylakex', 'cascadelake', 'cooperlake', 'icelake', 'zen4'],
];

/** The first library of each class. A claim with another name cannot be loaded. */
const ISA_HEADS: ReadonlySet<string> = new Set([
  ...['x64', 'sse42', 'sandybridge', 'ivybridge', 'piledriver', 'haswell', 'skylakex', 'cannonlake', 'sapphirerapids'],
  ...['armv8.0_1', 'armv8.2_1', 'armv8.2_2', 'armv8.2_3', 'armv8.6_1', 'armv8.6_2', 'armv9.2_1', 'armv9.2_2'],
]);

export const isaClassOf = (isa: string): string => ISA_CLASSES.find((members) => members.includes(isa))?.[0] ?? isa;

/** The libraries that compute a class, in the class's order; none for a name that no class has. */
export const isasOfClass = (isaClass: string): readonly string[] =>
  ISA_HEADS.has(isaClass) ? (ISA_CLASSES.find((members) => members[0] === isaClass) ?? [isaClass]) : [];

const FLOAT_WEIGHTS = new Set(['f32', 'f16', 'bf16']);

export const isFloatType = (weights: string): boolean => FLOAT_WEIGHTS.has(weights);

/** Types of a file's weights. Experts are picked by a matrix that stays f32 if all others are quantised. */
interface WeightTypes {
  readonly weightType: string;
  readonly hasFloatMatrices: boolean;
}
export const exactKernelsFor = ({ weightType, hasFloatMatrices }: WeightTypes): ExactPath =>
  hasFloatMatrices || isFloatType(weightType) ? 'exact-2' : 'exact';

const TILED_PATHS = { exact: 'exact-tiled', 'exact-2': 'exact-tiled-2' } as const;
const USUAL_PATHS = { 'exact-tiled': 'exact', 'exact-tiled-2': 'exact-2', [SINGLE_ROWS]: 'exact-2' } as const;
export const tiledKernelsFor = (weights: WeightTypes): TiledPath => TILED_PATHS[exactKernelsFor(weights)];
/** One row of quantised weights has the bits of several, so the class `exact` serves them in single passes already. */
export const singleKernelsFor = (weights: WeightTypes): ExactPath | typeof SINGLE_ROWS =>
  exactKernelsFor(weights) === 'exact' ? 'exact' : SINGLE_ROWS;
/** Whether a pass of one row takes a second one along, which is then forgotten. In `exact-single` prompts alone do. */
export const isPaddedPath = (kernels: string): boolean =>
  kernels === 'exact-2' || kernels === 'exact-tiled-2' || kernels === SINGLE_ROWS;
export const isTiledPath = (kernels: string): kernels is TiledPath =>
  kernels === 'exact-tiled' || kernels === 'exact-tiled-2';

/** The class of the same setting in which the usual exact kernels serve, if the class is another exact one of a CPU. */
export const toUsualClass = (parts: NumericClass): NumericClass =>
  Object.hasOwn(USUAL_PATHS, parts.kernels)
    ? { ...parts, kernels: USUAL_PATHS[parts.kernels as keyof typeof USUAL_PATHS] }
    : parts;

/** Whether a class may claim exactness at all (docs/adr/exact-classes.md); the probe decides for the machine at hand. */
export function mayBeExact({ kernels, kv, flashAttention, kvUnified, isUnproven }: NumericClass): boolean {
  if (isUnproven) return false;
  // Tiles over a quantised cache were never measured.
  if (isTiledPath(kernels) && kv !== 'f16' && kv !== 'f32') return false;
  // In a shared cache, neighbours decide where a sequence's rows are, and so the order of sums.
  if (kvUnified || kernels === 'plain' || kernels === 'fast') return false;
  return flashAttention !== (kernels === 'shaped');
}
