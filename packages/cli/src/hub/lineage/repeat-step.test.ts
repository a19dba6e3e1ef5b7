import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FileFormat } from '@ogong/hub/file-format';
import type { Relation } from '@ogong/hub/licence';
import { convertFolder } from '@ogong/models/conversion/convert';
import type { GgufValue } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { createRandomTransformer, writeTransformer } from '@ogong/testing/models/transformers/random-transformer';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ModelCopy, repeatStep, type StepOutcome } from './repeat-step.ts';

let directory: TestDirectory;
const at = (...parts: string[]): string => join(directory.path, ...parts);
beforeEach(() => {
  directory = createTestDirectory('repeat-step');
});
afterEach(() => directory.remove());

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** Describes files of this machine, one with weights each. @param signed bytes that the maker signed in place of the first file's. */
function describeModel(paths: readonly string[], format: FileFormat, signed?: Uint8Array): ModelCopy {
  const files = paths.map((path, i) => ({
    ...{ path: basename(path), sizeBytes: 1, blockRoot: new Uint8Array(32), format, isWeight: true },
    sha256: sha256(i === 0 && signed !== undefined ? signed : readFileSync(path)),
  }));
  return { manifest: createTestManifest(crypto, { files }), folder: dirname(paths[0] as string) };
}

/** Writes a GGUF file without tensors. */
function writeHeader(name: string, metadata: Readonly<Record<string, GgufValue>>): string {
  mkdirSync(at(name));
  writeGguf(at(name, 'model.gguf'), { metadata: new Map(Object.entries(metadata)), tensors: [] });
  return at(name, 'model.gguf');
}

/** A quantiser that writes its order behind the bytes of the source. */
const quantizer = {
  quants: ['q8_0'],
  nameOf: (fileType: number) => (fileType === 7 ? 'q8_0' : undefined),
  quantize: async (source: string, target: string, quant: string) =>
    writeFileSync(target, Buffer.concat([readFileSync(source), Buffer.from(quant)])),
};

async function repeat(relation: Relation, origin: ModelCopy, derived: ModelCopy): Promise<StepOutcome> {
  const workFolder = at('work');
  const outcome = await repeatStep(relation, { origin, derived }, { convert: convertFolder, quantizer, workFolder });
  expect(existsSync(workFolder)).toBe(false);
  return outcome;
}

const unable = (detail: RegExp) => ({ kind: 'not-repeatable', detail: expect.stringMatching(detail) });

describe('a conversion', () => {
  const writeOrigin = (): ModelCopy => {
    writeTransformer(at('origin'), createRandomTransformer('llama', 4), { dtype: 'F16' });
    return describeModel([at('origin', 'model.safetensors')], 'safetensors');
  };

  it('is repeated, and differs if the maker signed another file or the origin has another configuration', async () => {
    const origin = writeOrigin();
    mkdirSync(at('derived'));
    const path = at('derived', 'model.gguf');
    await convertFolder(origin.folder, path);
    expect(await repeat('converted-from', origin, describeModel([path], 'gguf'))).toEqual({ kind: 'repeated' });
    const signed = describeModel([path], 'gguf', new Uint8Array(8));
    expect(await repeat('converted-from', origin, signed)).toMatchObject({ kind: 'differs' });
    const config = readFileSync(at('origin', 'config.json'), 'utf8');
    writeFileSync(at('origin', 'config.json'), config.replace('10000', '20000'));
    expect(await repeat('converted-from', origin, describeModel([path], 'gguf'))).toMatchObject({ kind: 'differs' });
    writeFileSync(at('origin', 'config.json'), config.replace('"llama"', '"gemma3"'));
    expect(await repeat('converted-from', origin, describeModel([path], 'gguf'))).toEqual({
      ...{ kind: 'differs', detail: expect.stringMatching(/does not allow this step: .*gemma3/) },
    });
  });

  it('by another converter, or of another kind of origin, cannot be repeated', async () => {
    const origin = writeOrigin();
    const plain = describeModel([writeHeader('plain', {})], 'gguf');
    expect(await repeat('converted-from', origin, plain)).toEqual(unable(/not written by "ogong model convert"/));
    const later = { type: 'string', value: 'ogong-convert-v9' } as const;
    const newer = describeModel([writeHeader('newer', { 'ogong.converter': later })], 'gguf');
    expect(await repeat('converted-from', origin, newer)).toEqual(unable(/v9, and this is ogong-convert-v1/));
    const own = { type: 'string', value: 'ogong-convert-v1' } as const;
    const made = describeModel([writeHeader('made', { 'ogong.converter': own })], 'gguf');
    expect(await repeat('converted-from', plain, made)).toEqual(unable(/no folder of transformers/));
    const two = describeModel([at('plain', 'model.gguf'), at('newer', 'model.gguf')], 'gguf');
    expect(await repeat('converted-from', origin, two)).toEqual(unable(/one GGUF file/));
  });
});

describe('a quantisation', () => {
  const fileType = (value: number) => ({ 'general.file_type': { type: 'u32', value } }) as const;

  it('is repeated from a GGUF file, and from safetensors by way of one', async () => {
    const origin = describeModel([writeHeader('origin', fileType(1))], 'gguf');
    const path = writeHeader('derived', fileType(7));
    const signed = Buffer.concat([readFileSync(at('origin', 'model.gguf')), Buffer.from('q8_0')]);
    expect(await repeat('quantised-from', origin, describeModel([path], 'gguf', signed))).toEqual({ kind: 'repeated' });
    expect(await repeat('quantised-from', origin, describeModel([path], 'gguf'))).toEqual({
      ...{ kind: 'differs', detail: expect.stringMatching(/to q8_0 gives another file/) },
    });
    writeTransformer(at('tensors'), createRandomTransformer('qwen3', 4), { dtype: 'F16' });
    await convertFolder(at('tensors'), at('whole.gguf'));
    const chained = Buffer.concat([readFileSync(at('whole.gguf')), Buffer.from('q8_0')]);
    const tensors = describeModel([at('tensors', 'model.safetensors')], 'safetensors');
    expect(await repeat('quantised-from', tensors, describeModel([path], 'gguf', chained))).toEqual({
      kind: 'repeated',
    });
  });

  it('of an unknown type, or of another kind of origin, cannot be repeated', async () => {
    const origin = describeModel([writeHeader('origin', fileType(1))], 'gguf');
    const unknown = describeModel([writeHeader('unknown', fileType(99))], 'gguf');
    expect(await repeat('quantised-from', origin, unknown)).toEqual(unable(/file type 99; it writes q8_0/));
    mkdirSync(at('graph'));
    writeFileSync(at('graph', 'model.onnx'), 'graph');
    const graph = describeModel([at('graph', 'model.onnx')], 'onnx');
    const known = describeModel([writeHeader('known', fileType(7))], 'gguf');
    expect(await repeat('quantised-from', graph, known)).toEqual(unable(/neither one GGUF file/));
  });
});

it.each<[Relation, RegExp]>([
  ['adapter-of', /comes from training/],
  ['merged-from', /no tool that merges/],
])('a step of the kind %s cannot be repeated', async (relation, reason) => {
  const model = describeModel([writeHeader('model', {})], 'gguf');
  expect(await repeat(relation, model, model)).toEqual(unable(reason));
});
