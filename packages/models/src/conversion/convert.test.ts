import { existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSafetensors, type TestTensor } from '@ogong/testing/models/transformers/encode-safetensors';
import { createRandomTransformer, writeTransformer } from '@ogong/testing/models/transformers/random-transformer';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readGgufHeader } from '../gguf/read.ts';
import { computeTensorBytes } from '../gguf/types.ts';
import type { ModelError, ModelErrorCode } from '../model-error.ts';
import { bringModel } from '../resolve.ts';
import { convertFolder } from './convert.ts';

let directory: TestDirectory;
const at = (...parts: string[]): string => join(directory.path, ...parts);
beforeEach(() => {
  directory = createTestDirectory('convert');
});
afterEach(() => directory.remove());

type Json = Record<string, unknown>;

/** Content of the model's files, which a test may change before they are written. */
interface ModelParts {
  readonly config: Json;
  readonly tokenizer: Json & { model: Json; added_tokens: Json[] };
  readonly tokenizerConfig: Json;
}

async function convertChanged(change: (parts: ModelParts) => void): Promise<void> {
  const { tensors, ...rest } = createRandomTransformer('qwen2', 5);
  const parts = structuredClone(rest) as unknown as ModelParts;
  change(parts);
  writeTransformer(at('model'), { ...rest, ...parts, tensors }, { dtype: 'F16' });
  await convertFolder(at('model'), at('model.gguf'));
}

async function refuse(run: Promise<unknown>): Promise<readonly [ModelErrorCode, string]> {
  const error: ModelError = await run.then(
    () => expect.unreachable('the model was converted'),
    (reason: ModelError) => reason,
  );
  expect(readdirSync(directory.path).filter((name) => name.startsWith('model.gguf'))).toEqual([]);
  return [error.code, error.message];
}

describe('a conversion', () => {
  it('writes the same bytes for one file and for shards, and keeps the types of matrices', async () => {
    const model = createRandomTransformer('qwen2', 5);
    writeTransformer(at('one'), model, { dtype: 'BF16' });
    writeTransformer(at('many'), model, { dtype: 'BF16', shards: 4 });
    const one = await convertFolder(at('one'), at('one.gguf'));
    expect(await convertFolder(at('many'), at('many.gguf'))).toEqual(one);
    expect(readFileSync(at('one.gguf'))).toEqual(readFileSync(at('many.gguf')));
    const { metadata, tensors } = readGgufHeader(at('one.gguf'));
    expect(
      Object.fromEntries(
        ['general.file_type', 'ogong.converter', 'tokenizer.ggml.pre'].map((key) => [key, metadata.get(key)?.value]),
      ),
    ).toEqual({
      'general.file_type': 32,
      'ogong.converter': 'ogong-convert-v1',
      'tokenizer.ggml.pre': 'qwen2',
    });
    expect(new Set(tensors.map(({ dimensions, type }) => `${dimensions.length} ${type}`))).toEqual(
      new Set(['1 0', '2 30']),
    );
  });

  it('widens vectors without a change of their values', async () => {
    const vectors: Buffer[] = [];
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      writeTransformer(at(dtype), createRandomTransformer('qwen3', 6), { dtype });
      await convertFolder(at(dtype), at(`${dtype}.gguf`));
      const { tensors, dataOffset } = readGgufHeader(at(`${dtype}.gguf`));
      const norm = tensors.find(({ name }) => name === 'blk.1.attn_q_norm.weight');
      const from = dataOffset + (norm?.offset ?? 0);
      vectors.push(
        readFileSync(at(`${dtype}.gguf`)).subarray(
          from,
          from + (norm === undefined ? 0 : (computeTensorBytes(norm) ?? 0)),
        ),
      );
    }
    expect(vectors.map(({ length }) => length)).toEqual([128, 128, 128]);
    expect(vectors[1]).toEqual(vectors[0]);
    expect(vectors[2]).toEqual(vectors[0]);
  });

  it('ends with the signal, and leaves no file', async () => {
    writeTransformer(at('model'), createRandomTransformer('llama', 1), { dtype: 'F16' });
    const stopping = new AbortController();
    const run = convertFolder(at('model'), at('model.gguf'), {
      onBytes: () => stopping.abort(),
      signal: stopping.signal,
    });
    expect(await refuse(run)).toEqual(['cancelled', expect.anything()]);
  });
});

it('is what the message about a folder with safetensors names', async () => {
  writeTransformer(at('model'), createRandomTransformer('llama', 1), { dtype: 'F16' });
  const bringing = bringModel(at('model'), { storeDir: at('store') });
  await expect(bringing).rejects.toThrow(
    /has safetensors, which no engine opens; write .*"ogong model convert .*model --to/,
  );
});

describe('a configuration is refused', () => {
  it.each<[string, Json, ModelErrorCode, RegExp]>([
    [
      'of another architecture',
      { model_type: 'gemma3' },
      'not-convertible',
      /"gemma3"; this converter knows llama, qwen2, qwen3\. Take a GGUF/,
    ],
    ['of quantised weights', { quantization_config: { bits: 4 } }, 'not-convertible', /quantised weights/],
    ['with a sliding window', { use_sliding_window: true }, 'not-convertible', /sliding window/],
    ['with another activation', { hidden_act: 'gelu' }, 'not-convertible', /activation gelu/],
    ['with another scaling', { rope_scaling: { type: 'yarn', factor: 4 } }, 'not-convertible', /"yarn"/],
    [
      'with a scaling of another family',
      { rope_scaling: { rope_type: 'llama3' } },
      'not-convertible',
      /llama3 for llama/,
    ],
    ['with an absurd scaling', { rope_scaling: { type: 'linear', factor: -1 } }, 'corrupt', /factor/],
    ['without a size', { hidden_size: undefined }, 'corrupt', /hidden_size/],
    ['with an absurd size', { num_hidden_layers: 1e9 }, 'corrupt', /num_hidden_layers/],
    ['with heads that do not fit', { num_key_value_heads: 3 }, 'corrupt', /4 heads, 3 for keys/],
    ['with half a pair in a head', { head_dim: 15 }, 'corrupt', /of 15 values/],
    [
      'with a base that is no number',
      { rope_theta: null, rope_parameters: { rope_theta: 'x' } },
      'corrupt',
      /rope_theta/,
    ],
  ])('%s', async (_, fields, code, message) => {
    const run = convertChanged(({ config }) => void Object.assign(config, fields));
    expect(await refuse(run)).toEqual([code, expect.stringMatching(message)]);
  });
});

/** Fields that a test changes; undefined removes one. */
interface TokenizerChange {
  readonly tokenizer?: Json;
  readonly model?: Json;
  readonly vocab?: Json;
  /** Of the first special token. */
  readonly added?: Json;
  readonly tokenizerConfig?: Json;
}

describe('a tokenizer is refused', () => {
  const later = { type: 'Split', pattern: { Regex: '\\p{Han}+' }, behavior: 'Isolated', invert: false };
  const roberta = { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] };
  it.each<[string, TokenizerChange, ModelErrorCode, RegExp]>([
    ['of another kind', { model: { type: 'Unigram' } }, 'not-convertible', /tokenizers with merges/],
    ['with characters in place of bytes', { vocab: { Ā: undefined } }, 'not-convertible', /byte 0/],
    ['with an unknown pattern', { tokenizer: { pre_tokenizer: later } }, 'not-convertible', /does not know.*Han/],
    ['without a pattern', { tokenizer: { pre_tokenizer: null } }, 'not-convertible', /does not know/],
    ['that ignores merges', { model: { ignore_merges: true } }, 'not-convertible', /ignore_merges/],
    ['that changes text', { tokenizer: { normalizer: { type: 'Lowercase' } } }, 'not-convertible', /Lowercase/],
    ['with another decoder', { tokenizer: { decoder: { type: 'Metaspace' } } }, 'not-convertible', /Metaspace/],
    ['with another frame', { tokenizer: { post_processor: roberta } }, 'not-convertible', /other tokens around/],
    ['with a greedy token', { added: { lstrip: true } }, 'not-convertible', /takes spaces/],
    ['with an id behind the embedding', { added: { id: 5_000 } }, 'corrupt', /5000 is outside/],
    ['with one id for two tokens', { added: { id: 5 } }, 'corrupt', /share the id 5/],
    ['with merges of nothing', { model: { merges: ['zz y'] } }, 'corrupt', /do not exist/],
    ['without an end', { tokenizerConfig: { eos_token: undefined } }, 'corrupt', /ends a text/],
    ['with an end that is no token', { tokenizerConfig: { eos_token: '</s>' } }, 'corrupt', /eos token/],
    [
      'with a beginning without a name',
      { tokenizerConfig: { add_bos_token: true } },
      'corrupt',
      /bos token, and no file/,
    ],
    ['with a template that is no text', { tokenizerConfig: { chat_template: 7 } }, 'corrupt', /template/],
  ])('%s', async (_, change, code, message) => {
    const run = convertChanged(({ tokenizer, tokenizerConfig }) => {
      Object.assign(tokenizer, change.tokenizer);
      Object.assign(tokenizer.model, change.model);
      Object.assign(tokenizer.model.vocab as Json, change.vocab);
      Object.assign(tokenizer.added_tokens[0] ?? {}, change.added);
      Object.assign(tokenizerConfig, change.tokenizerConfig);
    });
    expect(await refuse(run)).toEqual([code, expect.stringMatching(message)]);
  });
});

describe('weights are refused', () => {
  const write = (shards = 1): void =>
    writeTransformer(at('model'), createRandomTransformer('qwen2', 5), { dtype: 'F16', shards });
  const run = () => convertFolder(at('model'), at('model.gguf'));
  const WEIGHTS = 'model.safetensors';

  /** Writes the tensors of the model after a change. */
  function rewrite(change: (tensors: Map<string, TestTensor>) => void): void {
    write();
    const tensors = new Map<string, TestTensor>();
    for (const [name, { shape, values }] of createRandomTransformer('qwen2', 5).tensors)
      tensors.set(name, { dtype: 'F16', shape, bytes: new Uint8Array(2 * values.length) });
    change(tensors);
    writeFileSync(at('model', WEIGHTS), encodeSafetensors(tensors));
  }
  const NORM = 'model.norm.weight';
  const norm = (fields: Partial<TestTensor>) => (tensors: Map<string, TestTensor>) =>
    void tensors.set(NORM, { dtype: 'F16', shape: [64], bytes: new Uint8Array(128), ...fields });

  it.each<[string, (tensors: Map<string, TestTensor>) => void, ModelErrorCode, RegExp]>([
    ['without a tensor', (tensors) => void tensors.delete(NORM), 'corrupt', /no tensor model\.norm\.weight/],
    ['with another shape', norm({ shape: [32, 2] }), 'corrupt', /32 x 2.*needs 64/],
    [
      'of another type',
      norm({ dtype: 'F8_E4M3', bytes: new Uint8Array(64) }),
      'not-convertible',
      /F8_E4M3; weights are/,
    ],
    ['with too few bytes', norm({ bytes: new Uint8Array(64) }), 'corrupt', /64 bytes, and its shape needs 128/],
    [
      'with a tensor of another model',
      (tensors) => void tensors.set('score.weight', { dtype: 'F16', shape: [1], bytes: new Uint8Array(2) }),
      'not-convertible',
      /score\.weight, which a dense qwen2/,
    ],
  ])('%s', async (_, change, code, message) => {
    rewrite(change);
    expect(await refuse(run())).toEqual([code, expect.stringMatching(message)]);
  });

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['that are cut', (bytes) => bytes.subarray(0, -2), /tensors end at byte/],
    ['with an absurd header', (bytes) => bytes.fill(0x7f, 0, 8), /header of \d+ bytes/],
    [
      'that overlap',
      (bytes) => Buffer.from(bytes.toString('latin1').replace('"data_offsets":[0,', '"data_offsets":[2,'), 'latin1'),
      /begins at byte 2/,
    ],
    ['that are a pickle', () => Buffer.from('80027d71002e00000000', 'hex'), /header of \d+ bytes/],
    ['that are empty', () => Buffer.alloc(0), /ends inside its header/],
  ])('%s', async (_, change, message) => {
    write();
    writeFileSync(at('model', WEIGHTS), change(readFileSync(at('model', WEIGHTS))));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(message)]);
  });

  it('behind a link, or outside of the folder', async () => {
    write();
    renameSync(at('model', WEIGHTS), at('weights'));
    symlinkSync(at('weights'), at('model', WEIGHTS));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(/is a link/)]);
    rmSync(at('model', WEIGHTS));
    expect(await refuse(run())).toEqual(['not-found', expect.stringMatching(/no model\.safetensors/)]);
    const index = at('model', 'model.safetensors.index.json');
    writeFileSync(index, JSON.stringify({ weight_map: { [NORM]: '../weights.safetensors' } }));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(/does not lie beside it/)]);
  });

  it('that the index does not describe', async () => {
    write(2);
    const path = at('model', 'model.safetensors.index.json');
    const { weight_map: map } = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
    const other = map[NORM]?.includes('1-of') === true ? 'model-2-of-2.safetensors' : 'model-1-of-2.safetensors';
    writeFileSync(path, JSON.stringify({ weight_map: { ...map, [NORM]: other } }));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(/has no tensor model\.norm/)]);
    const { [NORM]: _, ...rest } = map;
    writeFileSync(path, JSON.stringify({ weight_map: rest }));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(/does not name the tensor model\.norm/)]);
    writeFileSync(at('model', 'model-1-of-2.safetensors'), readFileSync(at('model', 'model-2-of-2.safetensors')));
    writeFileSync(path, JSON.stringify({ weight_map: map }));
    expect(await refuse(run())).toEqual(['corrupt', expect.stringMatching(/repeats the tensor/)]);
    expect(existsSync(at('model.gguf'))).toBe(false);
  });
});
