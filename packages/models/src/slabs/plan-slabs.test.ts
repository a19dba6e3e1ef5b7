import { ARCHITECTURES, findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { describe, expect, it } from 'vitest';
import { computeTensorBytes, type GgufValue } from '../gguf/types.ts';
import { CUT_RULES } from './architectures.ts';
import { planSlabs, readSlabRange, type SlabPlan } from './plan-slabs.ts';
import type { SourceModel, SourceTensor } from './source-model.ts';

/** A model of a recipe, twice as deep, without a file. */
function describeRandom(name: string): SourceModel {
  const { architecture, keys, tensors } = deepen(findArchitecture(name), 2);
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    ...Object.entries(keys).map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: ['a', 'b'] }],
  ]);
  return describeSource(
    metadata,
    tensors.map(({ name, dimensions, type }) => ({ name, dimensions, type: type === 'f16' ? 1 : 0 })),
  );
}

const describeSource = (
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly Pick<SourceTensor, 'name' | 'dimensions' | 'type'>[],
): SourceModel => ({
  paths: [],
  metadata,
  entries: new Map([...metadata].map(([key]) => [key, new Uint8Array(8)])),
  tensors: tensors.map((tensor) => ({ ...tensor, file: 0, offset: 0, sizeBytes: computeTensorBytes(tensor) ?? 0 })),
});

const entryOf = ({ metadata }: SlabPlan, key: string): unknown => {
  const entry = metadata.get(key);
  return entry instanceof Uint8Array ? 'as in the model' : entry?.value;
};
const namesOf = ({ tensors }: SlabPlan): string[] => tensors.map(({ name }) => name);
const tensorOf = ({ tensors }: SlabPlan, name: string) => tensors.find((tensor) => tensor.name === name);

describe('three slabs of a model with a head of its own', () => {
  const cut = () => planSlabs(describeRandom('llama'), [1, 3]) as [SlabPlan, SlabPlan, SlabPlan];

  it('number their blocks from 0 and say which layers they hold', () => {
    for (const [slab, range, blocks] of cut().map(
      (slab, i) =>
        [
          slab,
          [
            [0, 1],
            [1, 3],
            [3, 4],
          ][i],
          [2, 2, 1][i],
        ] as const,
    )) {
      expect([slab.from, slab.to]).toEqual(range);
      expect(entryOf(slab, 'llama.block_count')).toBe(blocks);
      const numbers = new Set(namesOf(slab).flatMap((name) => /^blk\.(\d+)\./.exec(name)?.[1] ?? []));
      expect([...numbers].map(Number)).toEqual(Array.from({ length: blocks as number }, (_, i) => i));
      const metadata = slab.metadata as ReadonlyMap<string, GgufValue>;
      expect(entryOf(slab, 'ogong.slab.layers')).toBe(4);
      expect([metadata.get('ogong.slab.from')?.value, metadata.get('ogong.slab.to')?.value]).toEqual(range);
    }
  });

  it('have a block of zeros behind the first, of the shape of the next layer', () => {
    const [first] = cut();
    const zeros = first.tensors.filter(({ name }) => name.startsWith('blk.1.'));
    expect(zeros.length).toBeGreaterThan(5);
    expect(zeros.every(({ source }) => source === undefined)).toBe(true);
    expect(tensorOf(first, 'blk.0.attn_q.weight')?.source?.name).toBe('blk.0.attn_q.weight');
  });

  it('have the vocabulary in the first and the last, and one word between them', () => {
    const [first, interior, last] = cut();
    for (const slab of [first, last]) {
      expect(entryOf(slab, 'tokenizer.ggml.tokens')).toBe('as in the model');
      expect(tensorOf(slab, 'token_embd.weight')?.dimensions).toEqual([128, 512]);
    }
    expect(entryOf(interior, 'tokenizer.ggml.model')).toBe('no_vocab');
    expect(entryOf(interior, 'llama.vocab_size')).toBe(1);
    expect([...interior.metadata.keys()].filter((key) => key.startsWith('tokenizer.'))).toEqual([
      'tokenizer.ggml.model',
    ]);
    expect(tensorOf(interior, 'token_embd.weight')).toMatchObject({ dimensions: [128, 1], source: undefined });
    expect(tensorOf(interior, 'output.weight')).toMatchObject({ dimensions: [128, 1], source: undefined });
  });

  it('have the table of tokens in the first alone, and the head in the last alone', () => {
    const [first, , last] = cut();
    expect(tensorOf(first, 'token_embd.weight')?.source).toBeDefined();
    expect(tensorOf(first, 'output.weight')).toBeUndefined();
    expect(tensorOf(last, 'token_embd.weight')?.source).toBeUndefined();
    expect(tensorOf(last, 'output.weight')?.source).toBeDefined();
  });
});

it('a tied head needs the table in the first and in the last slab', () => {
  const slabs = planSlabs(describeRandom('llama-tied'), [2]);
  for (const slab of slabs) expect(tensorOf(slab, 'token_embd.weight')?.source).toBeDefined();
});

it('a head that llama.cpp insists on is zeros in the first slab', () => {
  const [first] = planSlabs(describeRandom('phi2'), [2]) as [SlabPlan];
  expect(tensorOf(first, 'output.weight')).toMatchObject({ dimensions: [128, 512], source: undefined });
  expect(tensorOf(first, 'output.bias')).toMatchObject({ dimensions: [512], source: undefined });
});

describe('rules that llama.cpp applies by the number of a layer', () => {
  it('windows are stated as a list', () => {
    const slabs = planSlabs(describeRandom('gemma3'), [4, 7]);
    const windows = slabs.map((slab) => entryOf(slab, 'gemma3.attention.sliding_window_pattern'));
    expect(windows).toEqual([
      [true, true, true, true, true],
      [true, false, true],
      [true, true, true, true, false],
    ]);
    expect(() => planSlabs(describeRandom('gemma3'), [11])).toThrow('layers 11 to 11 of 12 have no attention window');
  });

  it('llama4 is cut at multiples of four', () => {
    const model = describeRandom('llama4');
    expect(planSlabs(model, [4])).toHaveLength(2);
    expect(() => planSlabs(model, [2])).toThrow('edges of architecture llama4 are multiples of 4');
    const [first] = planSlabs(model, [4]) as [SlabPlan];
    // The next layer is dense, so the block of zeros is, too.
    expect(namesOf(first)).toContain('blk.4.ffn_up.weight');
    expect(namesOf(first)).not.toContain('blk.4.ffn_up_exps.weight');
  });

  it('granite scales embeddings alone', () => {
    const scales = planSlabs(describeRandom('granite'), [1, 2]).map((slab) => entryOf(slab, 'granite.embedding_scale'));
    expect(scales).toEqual(['as in the model', 1, 1]);
  });

  it('dense layers that lead are counted from the slab', () => {
    const slabs = planSlabs(describeRandom('deepseek-v2'), [1, 3]);
    expect(slabs.map((slab) => entryOf(slab, 'deepseek2.leading_dense_block_count'))).toEqual([1, 0, 0]);
  });

  it('lists of layers are sliced, and each slab of a hybrid has both kinds', () => {
    const model = describeRandom('granite-hybrid');
    const heads = planSlabs(model, [3]).map((slab) => entryOf(slab, 'granitehybrid.attention.head_count_kv'));
    expect(heads).toEqual([
      [0, 0, 2, 0],
      [0, 0, 2],
    ]);
    expect(() => planSlabs(model, [2])).toThrow('layers 0 to 1 of 6 are all of one kind');
    expect(() => planSlabs(model, [5])).toThrow('layers 5 to 5 of 6 are all of one kind');
  });
});

interface Described {
  readonly architecture?: string;
  readonly layers?: number;
  readonly more?: Readonly<Record<string, GgufValue>>;
  readonly tensors?: readonly string[];
}

/** A model without files. */
function describeModel({ architecture = 'llama', layers = 4, more = {}, tensors = [] }: Described): SourceModel {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    [`${architecture}.block_count`, { type: 'u32', value: layers }],
    ...Object.entries(more),
  ]);
  const blocks = Array.from({ length: layers }, (_, i) => `blk.${i}.attn_q.weight`);
  const names = ['token_embd.weight', 'output_norm.weight', ...blocks, ...tensors];
  return describeSource(
    metadata,
    names.map((name) => ({ name, dimensions: [2, 2], type: 0 })),
  );
}

describe('a cut is refused', () => {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  it.each<[string, Described, string]>([
    ['of an unknown architecture', { architecture: 'rwkv7' }, 'it is not among those that were examined: llama, '],
    ['of Gemma 3n', { architecture: 'gemma3n' }, 'each of its layers reads an embedding of the token'],
    ['of MiniCPM', { architecture: 'minicpm' }, 'llama.cpp scales its layers by their number'],
    ['of Gemma 2 27B', { architecture: 'gemma2', layers: 46 }, 'llama.cpp treats 46 layers'],
    ['of Gemma 3 27B', { architecture: 'gemma3', layers: 62 }, 'llama.cpp treats 62 layers'],
    ['of DeepSeek V2 Lite', { architecture: 'deepseek2', layers: 27 }, 'llama.cpp treats 27 layers'],
    ['of one layer', { layers: 1 }, 'it has 1 layers'],
    ['of blocks that predict further tokens', { more: { 'llama.nextn_predict_layers': u32(1) } }, '(MTP)'],
    ['of an embedding model', { more: { 'llama.pooling_type': u32(1) } }, 'it is an embedding model'],
    ['of a slab', { more: { 'ogong.slab.layers': u32(8) } }, 'the file is a slab itself'],
    ['with an unknown tensor', { tensors: ['cls.weight'] }, 'the tensor cls.weight is not known'],
    ['with a tensor of a layer too many', { tensors: ['blk.4.attn_q.weight'] }, 'the tensor blk.4.attn_q.weight'],
    [
      'with an unknown list',
      { more: { 'llama.swiglu': { type: 'array', of: 'f32', value: [1, 2, 3, 4] } } },
      'the list llama.swiglu is not known',
    ],
    [
      'with a list for fewer layers',
      { more: { 'llama.feed_forward_length': { type: 'array', of: 'u32', value: [1, 2] } } },
      'has 2 values for 4 layers',
    ],
  ])('%s', (_name, described, reason) => {
    expect(() => planSlabs(describeModel(described), [2])).toThrow(
      expect.objectContaining({ code: 'unsupported-model', message: expect.stringContaining(reason) }),
    );
  });

  it.each<[string, readonly number[], string]>([
    ['nowhere', [], 'name at least one edge'],
    ['at 0', [0], 'edges lie between 0 and 4'],
    ['behind the last layer', [4], 'edges lie between 0 and 4'],
    ['within a layer', [1.5], 'edges lie between 0 and 4'],
    ['twice', [2, 2], 'edges ascend'],
    ['backwards', [3, 1], 'edges ascend'],
  ])('%s', (_name, edges, reason) => {
    expect(() => planSlabs(describeModel({}), edges)).toThrow(
      expect.objectContaining({ code: 'bad-edges', message: expect.stringContaining(reason) }),
    );
  });

  it('into a file that llama.cpp would take for another model', () => {
    const model = describeModel({ architecture: 'deepseek2', layers: 61 });
    // The first slab has a block of zeros beside its layers.
    expect(() => planSlabs(model, [26])).toThrow('a file of 27 blocks would be taken for another model of deepseek2');
    expect(() => planSlabs(model, [30, 56])).toThrow('a file of 26 blocks would be taken for another model');
    expect(planSlabs(model, [30])).toHaveLength(2);
  });
});

it('every architecture that may be cut has a random model', () => {
  const random = new Set(ARCHITECTURES.map(({ architecture }) => architecture));
  expect(Object.keys(CUT_RULES).filter((architecture) => !random.has(architecture))).toEqual([]);
});

it('the range of a slab is read from its file, and refused if it contradicts the blocks', () => {
  const [first, last] = planSlabs(describeRandom('llama'), [3]) as [SlabPlan, SlabPlan];
  const toValues = ({ metadata }: SlabPlan): Map<string, GgufValue> =>
    new Map([
      ...[...metadata].flatMap(([key, entry]) => (entry instanceof Uint8Array ? [] : ([[key, entry]] as const))),
      ['general.architecture', { type: 'string', value: 'llama' }],
    ]);
  expect(readSlabRange(toValues(first))).toEqual({ from: 0, to: 3, layers: 4 });
  expect(readSlabRange(toValues(last))).toEqual({ from: 3, to: 4, layers: 4 });
  expect(() => readSlabRange(toValues(last).set('ogong.slab.to', { type: 'u32', value: 5 }))).toThrow('claims layers');
  expect(() => readSlabRange(toValues(first).set('ogong.slab.to', { type: 'u32', value: 2 }))).toThrow('4 blocks');
  expect(readSlabRange(describeRandom('llama').metadata)).toBeUndefined();
});
