import { GgufError, type GgufValue, numberOf, stringOf } from '../gguf/types.ts';
import type { GgufEntry } from '../gguf/write.ts';
import {
  CUT_RULES,
  type CutRules,
  EMBEDDING,
  HEAD,
  HEAD_BIAS,
  PER_LAYER_KEYS,
  PLAIN_LIST_KEYS,
  REFUSED,
  REFUSED_KEYS,
  SHARED_TENSORS,
} from './architectures.ts';
import { SlabError } from './slab-error.ts';
import type { SourceModel, SourceTensor } from './source-model.ts';

/** The version of the rules on docs/spec/slabs.md. Slabs of two versions may differ. */
export const CUTTER_VERSION = 1;

/** Layers [from, to) of a model. */
export interface LayerRange {
  readonly from: number;
  readonly to: number;
}

/** A tensor of a slab: bytes of the model's, or zeros. */
export interface SlabTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  /** The tensor of the model whose bytes these are; undefined for zeros. */
  readonly source: SourceTensor | undefined;
}

/** One slab: a GGUF file that llama.cpp opens by itself. */
export interface SlabPlan extends LayerRange {
  readonly metadata: ReadonlyMap<string, GgufEntry>;
  readonly tensors: readonly SlabTensor[];
}

/** Keys of a slab that say which layers it holds. llama.cpp ignores them. */
const SLAB_KEYS = { from: 'ogong.slab.from', to: 'ogong.slab.to', layers: 'ogong.slab.layers' } as const;

/** Reads which layers of how many a slab holds; undefined if the file is no slab. @throws GgufError if the numbers contradict. */
export function readSlabRange(
  metadata: ReadonlyMap<string, GgufValue>,
): (LayerRange & { readonly layers: number }) | undefined {
  const from = numberOf(metadata, SLAB_KEYS.from);
  const to = numberOf(metadata, SLAB_KEYS.to);
  const layers = numberOf(metadata, SLAB_KEYS.layers);
  if (from === undefined || to === undefined || layers === undefined) return undefined;
  const architecture = stringOf(metadata, 'general.architecture');
  const blocks = numberOf(metadata, `${architecture}.block_count`);
  if (!(from >= 0 && from < to && to <= layers) || blocks !== countBlocks({ from, to }))
    throw new GgufError(`the file claims layers ${from} to ${to} of ${layers} and has ${blocks} blocks`);
  return { from, to, layers };
}

const BLOCK = /^blk\.(0|[1-9]\d{0,4})\.(.+)$/;
const ONE_WORD = 1;
const u32 = (value: number): GgufValue => ({ type: 'u32', value });

/**
 * Plans the slabs of a model. It reads headers alone and depends on nothing else: equal models and edges give equal slabs.
 * @param edges layers at which slabs begin, besides layer 0; ascending.
 * @throws SlabError with the reason if the model or the edges are refused; GgufError for a broken header.
 */
export function planSlabs(model: SourceModel, edges: readonly number[]): readonly SlabPlan[] {
  const facts = inspectModel(model);
  return listRanges(facts, edges).map((range) => planSlab(model, facts, range));
}

/** Plans single slabs, for a search over the edges of a cut. */
export interface SlabPlanner {
  readonly architecture: string;
  /** Layers of the whole model. */
  readonly layers: number;
  /** Plans one slab of a cut; undefined if no cut may have these layers as one slab. */
  plan(range: LayerRange): SlabPlan | undefined;
}

/** @throws SlabError with the reason if the model is refused; GgufError for a broken header. */
export function createSlabPlanner(model: SourceModel): SlabPlanner {
  const facts = inspectModel(model);
  const { architecture, layers } = facts;
  return {
    ...{ architecture, layers },
    plan(range) {
      if (findRangeProblem(facts, range) !== undefined) return undefined;
      try {
        return planSlab(model, facts, range);
      } catch (error) {
        if (error instanceof SlabError && error.code === 'bad-edges') return undefined;
        throw error;
      }
    },
  };
}

interface CutFacts {
  readonly architecture: string;
  readonly rules: CutRules;
  readonly layers: number;
}

/** Layers that a model's file claims; 0 if it claims none. */
export const countLayers = (metadata: ReadonlyMap<string, GgufValue>): number =>
  numberOf(metadata, `${stringOf(metadata, 'general.architecture')}.block_count`) ?? 0;

/** Facts of a model that can be cut. @throws SlabError, GgufError. */
function inspectModel({ metadata, tensors }: Pick<SourceModel, 'metadata' | 'tensors'>): CutFacts {
  const architecture = stringOf(metadata, 'general.architecture');
  if (architecture === undefined) throw new GgufError('the file names no architecture');
  const refuse = (reason: string): never => {
    throw new SlabError('unsupported-model', `a model of architecture ${architecture} cannot be cut: ${reason}`);
  };
  const rules =
    CUT_RULES[architecture] ??
    refuse(REFUSED[architecture] ?? `it is not among those that were examined: ${Object.keys(CUT_RULES).join(', ')}`);
  if (metadata.has(SLAB_KEYS.layers)) refuse('the file is a slab itself');
  const layers = countLayers(metadata);
  if (layers < 2) refuse(`it has ${layers} layers, and a slab needs one`);
  for (const [key, reason] of Object.entries(REFUSED_KEYS)) {
    if ((numberOf(metadata, `${architecture}.${key}`) ?? 0) > 0) refuse(reason);
  }
  if (rules.specialCounts?.includes(layers))
    refuse(`llama.cpp treats ${layers} layers, the number in this file, as a model of its own`);
  for (const [key, value] of metadata) {
    if (value.type !== 'array' || !key.startsWith(`${architecture}.`)) continue;
    const name = key.slice(architecture.length + 1);
    if (PER_LAYER_KEYS.has(name)) {
      if (value.value.length !== layers) refuse(`${key} has ${value.value.length} values for ${layers} layers`);
    } else if (!PLAIN_LIST_KEYS.has(name)) refuse(`the list ${key} is not known`);
  }
  for (const { name } of tensors) {
    const block = BLOCK.exec(name)?.[1];
    if (block === undefined ? !isOutside(name) : Number(block) >= layers) refuse(`the tensor ${name} is not known`);
  }
  if (!tensors.some(({ name }) => name === EMBEDDING)) refuse(`the file has no ${EMBEDDING}`);
  return { architecture, rules, layers };
}

const isOutside = (name: string): boolean =>
  name === EMBEDDING || name === HEAD || name === HEAD_BIAS || SHARED_TENSORS.has(name);

/** @throws SlabError('bad-edges') */
function listRanges(facts: CutFacts, edges: readonly number[]): readonly LayerRange[] {
  const { layers } = facts;
  const refuse = (reason: string): never => {
    throw new SlabError('bad-edges', `this model of ${layers} layers cannot be cut at ${edges.join(', ')}: ${reason}`);
  };
  if (edges.length === 0) refuse('name at least one edge');
  edges.forEach((edge, i) => {
    if (!Number.isInteger(edge) || edge <= 0 || edge >= layers) refuse(`edges lie between 0 and ${layers}`);
    if (i > 0 && edge <= (edges[i - 1] as number)) refuse('edges ascend');
  });
  return [...edges, layers].map((to, i) => {
    const range = { from: edges[i - 1] ?? 0, to };
    const problem = findRangeProblem(facts, range);
    if (problem !== undefined) refuse(problem);
    return range;
  });
}

/** Finds the reason that no cut may have these layers as one slab, by their numbers alone; undefined if a cut may. */
function findRangeProblem({ architecture, rules, layers }: CutFacts, range: LayerRange): string | undefined {
  const { edgeStep = 1, specialCounts = [] } = rules;
  if (range.from % edgeStep !== 0 || (range.to < layers && range.to % edgeStep !== 0))
    return `edges of architecture ${architecture} are multiples of ${edgeStep}`;
  const count = countBlocks(range);
  if (!specialCounts.includes(count)) return undefined;
  return `a file of ${count} blocks would be taken for another model of ${architecture}; move an edge`;
}

/** The first slab has a block more than layers: one of zeros (docs/spec/slabs.md). */
const countBlocks = ({ from, to }: LayerRange): number => to - from + (from === 0 ? 1 : 0);

function planSlab(model: SourceModel, facts: CutFacts, range: LayerRange): SlabPlan {
  if (facts.rules.isHybrid) assertBothKinds(model, facts, range);
  return { ...range, metadata: planMetadata(model, facts, range), tensors: planTensors(model, facts, range) };
}

/** @throws SlabError('bad-edges') */
function assertBothKinds({ tensors }: SourceModel, { layers }: CutFacts, { from, to }: LayerRange): void {
  const attending = new Set(
    tensors.flatMap(({ name }) => {
      const [, block, rest] = BLOCK.exec(name) ?? [];
      return rest === 'attn_q.weight' ? [Number(block)] : [];
    }),
  );
  const own = Array.from({ length: to - from }, (_, i) => attending.has(from + i));
  if (own.includes(true) && own.includes(false)) return;
  throw new SlabError(
    'bad-edges',
    `layers ${from} to ${to - 1} of ${layers} are all of one kind; each slab needs a layer with attention and a recurrent one`,
  );
}

function planMetadata(
  { metadata, entries }: SourceModel,
  { architecture, rules, layers }: CutFacts,
  { from, to }: LayerRange,
): ReadonlyMap<string, GgufEntry> {
  const isFirst = from === 0;
  const isLast = to === layers;
  // The block of zeros is the layer that follows, so that it is of that layer's kind.
  const end = isFirst ? to + 1 : to;
  const own = (name: string): string => `${architecture}.${name}`;
  const kept = new Map<string, GgufEntry>();
  for (const [key, value] of metadata) {
    if (key === 'general.alignment' || key.startsWith('split.') || key.startsWith('ogong.slab.')) continue;
    if (!isFirst && !isLast && key.startsWith('tokenizer.')) continue;
    const isSliced = value.type === 'array' && key.startsWith(own('')) && PER_LAYER_KEYS.has(key.slice(own('').length));
    kept.set(key, isSliced ? { ...value, value: value.value.slice(from, end) } : (entries.get(key) as Uint8Array));
  }
  kept.set(own('block_count'), u32(end - from));
  const dense = numberOf(metadata, own('leading_dense_block_count'));
  if (dense !== undefined) kept.set(own('leading_dense_block_count'), u32(Math.max(0, Math.min(dense, end) - from)));
  if (!isFirst && metadata.has(own('embedding_scale'))) kept.set(own('embedding_scale'), { type: 'f32', value: 1 });
  kept.set(SLAB_KEYS.from, u32(from));
  kept.set(SLAB_KEYS.to, u32(to));
  kept.set(SLAB_KEYS.layers, u32(layers));
  const windows = listWindows(metadata, own, rules, layers)?.slice(from, end);
  if (windows !== undefined) {
    if (!windows.includes(true))
      throw new SlabError(
        'bad-edges',
        `layers ${from} to ${to - 1} of ${layers} have no attention window; each slab needs a layer with one`,
      );
    kept.set(own('attention.sliding_window_pattern'), { type: 'array', of: 'bool', value: windows });
  }
  if (!isFirst && !isLast) {
    kept.set('tokenizer.ggml.model', { type: 'string', value: 'no_vocab' });
    kept.set(own('vocab_size'), u32(ONE_WORD));
  }
  return kept;
}

/** Returns for each layer whether it has a window; undefined if all layers see the same. */
function listWindows(
  metadata: ReadonlyMap<string, GgufValue>,
  own: (name: string) => string,
  { windowCycle }: CutRules,
  layers: number,
): readonly boolean[] | undefined {
  if (windowCycle === undefined || !metadata.has(own('attention.sliding_window'))) return undefined;
  const stated = metadata.get(own('attention.sliding_window_pattern'));
  if (stated?.type === 'array') return stated.value.map((value) => Number(value) !== 0);
  const cycle = Number(stated?.value ?? windowCycle);
  return Array.from({ length: layers }, (_, layer) => cycle === 0 || layer % cycle < cycle - 1);
}

function planTensors(
  { tensors }: SourceModel,
  { rules, layers }: CutFacts,
  { from, to }: LayerRange,
): readonly SlabTensor[] {
  const isFirst = from === 0;
  const isLast = to === layers;
  const hasHead = tensors.some(({ name }) => name === HEAD);
  return tensors.flatMap((tensor): readonly SlabTensor[] => {
    const { name, dimensions, type } = tensor;
    const [, number, rest] = BLOCK.exec(name) ?? [];
    if (number !== undefined) {
      const block = Number(number);
      const isZero = isFirst && block === to;
      if ((block < from || block >= to) && !isZero) return [];
      return [{ name: `blk.${block - from}.${rest}`, dimensions, type, source: isZero ? undefined : tensor }];
    }
    const whole: SlabTensor = { name, dimensions, type, source: tensor };
    const zeros: SlabTensor = { name, dimensions, type, source: undefined };
    if (name !== EMBEDDING && name !== HEAD && name !== HEAD_BIAS) return [whole];
    if (!isFirst && !isLast) {
      // llama.cpp wants a table of the vocabulary's size.
      return [{ ...zeros, dimensions: [...dimensions.slice(0, -1), ONE_WORD] }];
    }
    if (name === EMBEDDING) return [isFirst || !hasHead ? whole : zeros];
    if (isLast) return [whole];
    return rules.opensWithoutHead ? [] : [zeros];
  });
}
