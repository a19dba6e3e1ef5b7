import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { convertFolder } from '@ogong/models/conversion/convert';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { createByteTokenizer } from '@ogong/testing/models/transformers/byte-tokenizer';
import { createPieceTokenizer } from '@ogong/testing/models/transformers/piece-tokenizer';
import {
  createRandomTransformer,
  type RandomTransformer,
  type TransformerFamily,
  writeTransformer,
} from '@ogong/testing/models/transformers/random-transformer';
import { computeReferenceLogits } from '@ogong/testing/models/transformers/reference-logits';
import { writeTransformerTwin } from '@ogong/testing/models/transformers/transformer-twin';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLlamaBuild } from './device/platform.ts';
import { type LlamaLibrary, loadLlama } from './library.ts';
import { resolveModel } from './llama-quantizer.ts';
import { type LlamaModel, openLlamaModel } from './model.ts';

const POSITIONS = 40;
/** Texts that are cut differently by the ways that are known. */
const TEXTS = [
  'the cat sat',
  "The lighthouse, isn't it?  It'S lighthouses'",
  'in 1234567 and 12 3x4 ½',
  '  a\n\n\tb \r\n   c   ',
  'Grüße an 東京 🙂 naïve',
  '<|begin|>sat<|end|> on',
];

let directory: TestDirectory;
let library: LlamaLibrary;
let count = 0;
beforeAll(() => {
  directory = createTestDirectory('converted');
  library = loadLlama(findLlamaBuild(), 'auto');
});
afterAll(() => directory.remove());

async function convert(model: RandomTransformer, dtype: 'F32' | 'F16' | 'BF16', shards = 1): Promise<LlamaModel> {
  const folder = join(directory.path, `${count++}`);
  writeTransformer(folder, model, { dtype, shards });
  await convertFolder(folder, `${folder}.gguf`);
  return openLlamaModel(library, `${folder}.gguf`);
}

/** Returns the logits of llama.cpp at each position. */
function readLogits(model: LlamaModel, tokens: readonly number[]): readonly Float32Array[] {
  const context = model.createContext({
    contextSize: 64,
    sequences: 1,
    threads: 1,
    batchSize: 64,
    kvType: 'f32',
    flashAttention: false,
  });
  try {
    tokens.forEach((token, position) => void context.add(token, position, 0));
    context.decode(true);
    const { size } = model.vocabulary;
    const logits = context.logits().slice();
    return tokens.map((_, row) => logits.subarray(row * size, (row + 1) * size));
  } finally {
    context.free();
  }
}

describe('a converted model', () => {
  it.each<[TransformerFamily, 'F32' | 'F16' | 'BF16', number, number]>([
    ['llama', 'F32', 3, 1e-4],
    ['qwen2', 'F16', 1, 0.02],
    ['qwen3', 'BF16', 1, 0.1],
  ])('%s in %s has the logits that transformers defines', async (family, dtype, shards, tolerance) => {
    const reference = createRandomTransformer(family, 7);
    const model = await convert(reference, dtype, shards);
    const tokens = Array.from({ length: POSITIONS }, (_, i) => (i * 37 + 11) % reference.sizes.vocabulary);
    const [expected, found] = [computeReferenceLogits(reference, tokens), readLogits(model, tokens)];
    model.free();
    const distances = expected.flatMap((row, position) =>
      Array.from(row, (value, i) => Math.abs(value - (found[position]?.[i] ?? Number.NaN))),
    );
    expect(distances).toHaveLength(POSITIONS * reference.sizes.vocabulary);
    expect(Math.max(...distances)).toBeLessThan(tolerance);
  });

  it.each(['llama', 'llama-tied', 'qwen2', 'qwen3'])(
    '%s has the logits of its twin in GGUF, bit for bit',
    async (name) => {
      const { path: vocabularyFrom } = await resolveModel('stories260K', { storeDir: directory.path });
      const twin = join(directory.path, `${name}.gguf`);
      writeRandomArchitecture(twin, { recipe: findArchitecture(name), seed: 5, vocabularyFrom });
      writeTransformerTwin(join(directory.path, name), twin);
      const target = join(directory.path, `${name}-converted.gguf`);
      await convertFolder(join(directory.path, name), target);
      const tokens = Array.from({ length: POSITIONS }, (_, i) => (i * 37 + 11) % 512);
      const [expected, found] = [twin, target].map((path) => {
        const model = openLlamaModel(library, path);
        const logits = readLogits(model, tokens);
        model.free();
        return logits;
      });
      expect(found).toEqual(expected);
    },
  );

  it.each(['llama', 'qwen', 'smol'] as const)('of the kind %s makes the tokens of its tokenizer.json', async (kind) => {
    const tokens = createByteTokenizer(kind);
    const { tokenizer, tokenizerConfig } = tokens;
    const model = await convert(createRandomTransformer('llama', 3, tokens), 'F16');
    const expected = new Tokenizer(tokenizer, tokenizerConfig);
    const options = { addSpecial: true, parseSpecial: true };
    for (const text of TEXTS)
      expect([...model.vocabulary.tokenize(text, options)], text).toEqual(expected.encode(text).ids);
    model.free();
  });

  it('of SentencePiece makes the tokens of its tokenizer.json, and of the original file', async () => {
    const { path } = await resolveModel('stories260K', { storeDir: directory.path });
    const { tokenizer, tokenizerConfig, size } = createPieceTokenizer(path);
    const reference = createRandomTransformer('llama', 3, { tokenizer, tokenizerConfig, size });
    const [model, original] = [await convert(reference, 'F16'), openLlamaModel(library, path)];
    const expected = new Tokenizer(tokenizer, tokenizerConfig);
    const options = { addSpecial: true, parseSpecial: true };
    for (const text of TEXTS) {
      const tokens = [...model.vocabulary.tokenize(text, options)];
      expect(tokens, text).toEqual([...original.vocabulary.tokenize(text, options)]);
      expect(tokens, text).toEqual(expected.encode(text).ids);
    }
    model.free();
    original.free();
  });
});
