import { type GgufHeader, type GgufTensor, type GgufValue, numberOf, stringOf, TENSOR_TYPES } from './types.ts';

type Metadata = GgufHeader['metadata'];

/** Limits of llama.cpp 0.5.0: LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS. */
const MAX_LAYERS = 512;
const MAX_EXPERTS = 1_024;
const SCALING_TYPES: readonly (string | undefined)[] = [undefined, 'none', 'linear', 'yarn', 'longrope'];
/** A dense model of these may state one expert, which llama.cpp takes for none. */
const DENSE_AS_ONE = /^hunyuan/;

/**
 * Finds a value on which llama.cpp would end the process instead of refusing the file. Each was tried with version 0.5.0:
 * - a number of layers of 0, or above 512;
 * - experts above 1,024; used ones without experts, none of them, or more than there are; groups that do not divide them;
 * - an unknown type of RoPE scaling;
 * - an epsilon of a norm that is negative or no number;
 * - heads that are no multiple of the heads of keys;
 * - RoPE over more values than a head has, or over an odd number;
 * - a token that stands twice in the vocabulary. An empty one counts as `[EMPTY_<id>]`.
 *
 * Rows that are no whole number of blocks are named too: llama.cpp refuses them without a reason.
 * Not covered: architectures that assert RoPE over all values of a head, and assertions of single architectures.
 * @returns the fault of the file, or undefined.
 */
export function findFatalValue(metadata: Metadata, tensors: readonly GgufTensor[]): string | undefined {
  const architecture = stringOf(metadata, 'general.architecture') ?? '';
  const own = (key: string): GgufValue | undefined => metadata.get(`${architecture}.${key}`);
  const number = (key: string): number | undefined => numberOf(metadata, `${architecture}.${key}`);
  const layers = number('block_count');
  if (layers !== undefined && (layers < 1 || layers > MAX_LAYERS))
    return `it has ${layers} layers; possible are 1 to ${MAX_LAYERS}`;
  const scaling = stringOf(metadata, `${architecture}.rope.scaling.type`);
  if (!SCALING_TYPES.includes(scaling)) return `its type of RoPE scaling, "${scaling}", is not known`;
  for (const key of ['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon']) {
    const epsilon = number(key) ?? 0;
    if (!(epsilon >= 0)) return `its ${key} is ${epsilon}`;
  }
  return (
    findExpertProblem(architecture, { number, used: listNumbers(own('expert_used_count')) }) ??
    findHeadProblem({
      number,
      heads: listNumbers(own('attention.head_count')),
      keys: listNumbers(own('attention.head_count_kv')),
    }) ??
    findRowProblem(tensors) ??
    findTwice(metadata)
  );
}

/** The values of a number, or of one number for each layer. */
function listNumbers(entry: GgufValue | undefined): readonly number[] {
  if (entry === undefined) return [];
  const values = Array.isArray(entry.value) ? entry.value : [entry.value];
  return values.map(Number);
}

type ReadNumber = (key: string) => number | undefined;

function findExpertProblem(
  architecture: string,
  { number, used: counts }: { readonly number: ReadNumber; readonly used: readonly number[] },
): string | undefined {
  const experts = number('expert_count') ?? 0;
  if (experts <= 1 && DENSE_AS_ONE.test(architecture)) return undefined;
  const used = counts.reduce((most, count) => Math.max(most, count), 0);
  if (experts > MAX_EXPERTS) return `it has ${experts} experts; at most ${MAX_EXPERTS} are possible`;
  if (used > experts || (experts > 0 && used === 0)) return `it uses ${used} of ${experts} experts`;
  const groups = number('expert_group_count') ?? 0;
  const usedGroups = number('expert_group_used_count') ?? 0;
  const areGroups = experts === 0 ? groups === 0 : groups < experts;
  const areUsed = groups <= 1 || (experts % groups === 0 && usedGroups > 0 && usedGroups < groups);
  return areGroups && areUsed ? undefined : `it uses ${usedGroups} of ${groups} groups of ${experts} experts`;
}

function findHeadProblem({
  number,
  heads,
  keys,
}: {
  readonly number: ReadNumber;
  readonly heads: readonly number[];
  readonly keys: readonly number[];
}): string | undefined {
  for (let layer = 0; layer < Math.max(heads.length, keys.length); layer++) {
    const [own = 0, ofKeys = 0] = [heads, keys].map((counts) => (counts.length === 1 ? counts[0] : counts[layer]));
    if (own > 0 && ofKeys > 0 && own % ofKeys !== 0) return `its ${own} heads are no multiple of ${ofKeys} of keys`;
  }
  const [count = 0] = heads;
  const embedding = number('embedding_length') ?? 0;
  const size = number('attention.key_length') ?? (heads.length === 1 && count > 0 ? embedding / count : undefined);
  const turned = number('rope.dimension_count') ?? 0;
  if (turned % 2 !== 0 || (size !== undefined && turned > size))
    return `its RoPE turns ${turned} values of a head${size === undefined ? '' : ` that has ${size}`}`;
  return undefined;
}

function findRowProblem(tensors: readonly GgufTensor[]): string | undefined {
  for (const {
    name,
    dimensions: [row = 0],
    type,
  } of tensors) {
    const layout = TENSOR_TYPES.get(type);
    if (layout !== undefined && row % layout.elements !== 0)
      return `its tensor ${name} has rows of ${row} values, and a block of ${layout.name} has ${layout.elements}`;
  }
  return undefined;
}

function findTwice(metadata: Metadata): string | undefined {
  const tokens = metadata.get('tokenizer.ggml.tokens')?.value;
  if (!Array.isArray(tokens)) return undefined;
  const seen = new Set<string>();
  for (const [id, listed] of tokens.entries()) {
    const token = listed === '' ? `[EMPTY_${id}]` : String(listed);
    // Bytes that are no text all look alike here.
    if (token.includes('\ufffd')) continue;
    if (seen.has(token)) return `the token ${JSON.stringify(token.slice(0, 40))} stands twice in its vocabulary`;
    seen.add(token);
  }
  return undefined;
}
