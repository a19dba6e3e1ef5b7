import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ARCHITECTURES, findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { listTestEdges, writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SegmentEngine, SegmentPass } from '../../interface/segment.ts';
import { llamaQuantizer, resolveModel } from '../llama-quantizer.ts';
import { inspectModelFile } from '../model-file.ts';
import { type ComparedRun, openSegmentComparison, type SegmentCompareOptions } from './compare-segments.ts';
import { compareInChild } from './run-comparison.ts';
import { openSegmentModel } from './segment-model.ts';

let folder: string;
let vocabularyFrom: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-segments-'));
  vocabularyFrom = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written = new Map<string, Promise<string>>();

/** A random model of a recipe, twice as deep. */
function write(name: string, weights: string): Promise<string> {
  const path = join(folder, `${name}-${weights}.gguf`);
  const found = written.get(path) ?? writeOnce(path, name, weights);
  written.set(path, found);
  return found;
}

async function writeOnce(path: string, name: string, weights: string): Promise<string> {
  const recipe = deepen(findArchitecture(name), 2);
  const floats = `${path}.f16`;
  writeRandomArchitecture(floats, { recipe, seed: 7, vocabularyFrom });
  if (weights === 'f16') copyFileSync(floats, path);
  else await llamaQuantizer.quantize(floats, path, weights);
  return path;
}

const countLayers = (name: string): number => Number(deepen(findArchitecture(name), 2).keys.block_count?.value);

async function compare(
  path: string,
  slabs: readonly string[],
  run: Partial<ComparedRun> = {},
  options: SegmentCompareOptions = {},
) {
  const comparison = openSegmentComparison(path, slabs, options);
  try {
    const plain = { sequences: 1, promptTokens: 40, pieceRows: 16, steps: 12, guesses: 0, seed: 1 };
    return await comparison.run({ ...plain, ...run });
  } finally {
    await comparison.close();
  }
}

describe.each(['f16', 'q8_0'])('segments of llama in %s give the bits of the whole model', (weights) => {
  it.each<[string, Partial<ComparedRun>, SegmentCompareOptions, number]>([
    ['one reply', {}, {}, 12],
    ['a prompt in pieces of one row', { promptTokens: 6, pieceRows: 1 }, {}, 12],
    ['four replies side by side', { sequences: 4 }, {}, 48],
    ['guesses, of which some are rejected', { guesses: 3 }, {}, 30],
    ['guesses of four replies', { sequences: 4, guesses: 3 }, {}, 120],
    ['a tiled prompt', { promptTokens: 200, pieceRows: 80 }, { kernels: 'tiled' }, 12],
    ['two threads, far behind', { promptTokens: 280, pieceRows: 128, steps: 4 }, { threads: 2 }, 4],
  ])('%s', async (_name, run, options, rows) => {
    const path = await write('llama', weights);
    for (const edges of [[2], [1, 3]])
      expect(await compare(path, writeSlabs(path, edges), run, options)).toMatchObject({ rows, differing: 0 });
  });
});

describe('segments of every architecture that may be cut give the bits of the whole model', () => {
  const isLong = process.env.OGONG_LONG !== undefined;
  const some = ['llama-tied', 'gemma2', 'gpt-oss', 'granite-hybrid'];
  const names = ARCHITECTURES.map(({ name }) => name).filter((name) => isLong || some.includes(name));
  it.each(names)('%s', async (name) => {
    const path = await write(name, 'q8_0');
    for (const edges of listTestEdges(name, countLayers(name))) {
      const slabPaths = writeSlabs(path, edges);
      const run = { sequences: 4, promptTokens: 48, pieceRows: 20, steps: 8, guesses: 2, seed: 3 };
      const compared = await compareInChild({ modelPath: path, slabPaths, runs: [run] });
      expect(compared).toMatchObject({ differing: 0 });
      expect(compared.rows).toBeGreaterThanOrEqual(8);
    }
  });
});

describe('a chain that is not the model differs', () => {
  it('without a layer', async () => {
    const path = await write('llama', 'q8_0');
    const [first] = writeSlabs(path, [2]) as [string];
    const [, , last] = writeSlabs(path, [2, 3]) as [string, string, string];
    expect(await compare(path, [first, last])).toMatchObject({ rows: 12, differing: 12 });
  });

  it('with a slab in other weights', async () => {
    const [path, other] = [await write('llama', 'q8_0'), await write('llama', 'q4_0')];
    const [first] = writeSlabs(path, [2]) as [string];
    const [, last] = writeSlabs(other, [2]) as [string, string];
    expect(await compare(path, [first, last])).toMatchObject({ rows: 12, differing: 12 });
  });

  it('with rows of the pass before', async () => {
    const path = await write('llama', 'q8_0');
    const [first, last] = writeSlabs(path, [2]).map((slab) => open(slab)) as [SegmentEngine, SegmentEngine];
    const one = await rowsOf(first, { position: 0, tokens: [5, 9, 14] });
    const two = await rowsOf(first, { position: 3, tokens: [30] });
    const logits = async (input: Float32Array) => {
      await last.drop(0, 0);
      await last.run({ kind: 'prompt', groups: [{ sequence: 0, position: 0, rows: 3 }], input: one });
      const output = await last.run({ kind: 'step', groups: [{ sequence: 0, position: 3, rows: 1 }], input });
      return output.kind === 'logits' ? output.logits : undefined;
    };
    const honest = await logits(two);
    expect(await logits(two)).toEqual(honest);
    expect(await logits(one.subarray(-two.length))).not.toEqual(honest);
  });

  it('if llama.cpp ends the process, this is an error', async () => {
    const path = await write('llama', 'q8_0');
    const slabPaths = writeSlabs(path, [2]);
    const runs = [{ sequences: 1, promptTokens: 4, pieceRows: 4, steps: 1, guesses: 0, seed: 1 }];
    await expect(compareInChild({ modelPath: path, slabPaths: slabPaths.toReversed(), runs })).rejects.toMatchObject({
      code: 'invalid-request',
    });
    await expect(compareInChild({ modelPath: path, slabPaths: [path, path], runs })).rejects.toMatchObject({
      code: 'unsupported-model',
    });
  });
});

const opened: SegmentEngine[] = [];
afterEach(async () => {
  for (const segment of opened.splice(0)) await segment.close();
});

function open(path: string, options: Partial<Parameters<typeof openSegmentModel>[1]> = {}): SegmentEngine {
  const segment = openSegmentModel(path, { contextSize: 64, passRows: 16, ...options });
  opened.push(segment);
  return segment;
}

/** Runs tokens of sequence 0 in a first segment. */
async function rowsOf(
  segment: SegmentEngine,
  { position, tokens, kind = 'step' }: { position: number; tokens: readonly number[]; kind?: SegmentPass['kind'] },
): Promise<Float32Array> {
  const groups = [{ sequence: 0, position, rows: tokens.length }];
  const output = await segment.run({ kind, groups, input: Uint32Array.from(tokens) });
  return output.kind === 'rows' ? output.rows : new Float32Array(0);
}

describe('a segment', () => {
  const openThree = async (options: Parameters<typeof open>[1] = {}) => {
    const slabs = writeSlabs(await write('llama', 'q8_0'), [1, 3]);
    return slabs.map((slab) => open(slab, options)) as [SegmentEngine, SegmentEngine, SegmentEngine];
  };
  const _tokens = [5, 9, 14, 30];

  it.each(['f16', 'q8_0'])('computes rows of %s by their number, whatever their pass is called', async (weights) => {
    const [path] = writeSlabs(await write('llama', weights), [1, 3]) as [string];
    const many = Array.from({ length: 80 }, (_, i) => 5 + ((7 * i) % 400));
    for (const count of [8, 63, 64, 80]) {
      const rows: Float32Array[] = [];
      for (const kind of ['prompt', 'step', 'score'] as const) {
        const segment = open(path, { contextSize: 128, passRows: 96 });
        rows.push(await rowsOf(segment, { position: 0, tokens: many.slice(0, count), kind }));
      }
      const [prompt, step, score] = rows;
      expect([isDeepStrictEqual(step, prompt), isDeepStrictEqual(score, prompt)], `${count} rows`).toEqual([
        true,
        true,
      ]);
    }
  });

  it('says what it is', async () => {
    const infos = (await openThree({ sequences: 2 })).map((segment) => segment.info());
    expect(infos.map(({ place, layers, vocabularySize }) => [place, layers, vocabularySize])).toEqual([
      ['first', 1, 512],
      ['interior', 2, 0],
      ['last', 1, 512],
    ]);
    for (const info of infos)
      expect(info).toMatchObject({ embeddingSize: 128, contextSize: 64, sequences: 2, canDropPositions: true });
    expect(infos[0]?.numericClass).toMatch(/^llama\.cpp-0\.5\.0\/cpu\/[a-z0-9._]+\/exact\/q8_0\/kv-f16$/);
  });

  it('is no whole model', async () => {
    const path = await write('llama', 'q8_0');
    expect(() => open(path)).toThrow(expect.objectContaining({ code: 'unsupported-model' }));
    const [slab] = writeSlabs(path, [2]) as [string];
    expect(() => inspectModelFile(slab)).toThrow('is a slab, a part of a model');
    expect(() => open(join(folder, 'missing'))).toThrow(expect.objectContaining({ code: 'model-not-found' }));
  });
});
