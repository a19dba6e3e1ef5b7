import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createEdgeHasher, type EdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  hexOf,
  keyOf,
  NO_END,
  SKETCH,
} from '@ogong/testing/engine/compliance-requests';
import { createSegmentAttack, SEGMENT_ATTACKS } from '@ogong/testing/engine/segment-attackers';
import { keepSentRows, type SentRows } from '@ogong/testing/engine/sent-rows';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeHash } from '../../decode/native-hash.ts';
import { type SegmentScoring, scoreSegment } from '../../decode/score-segment.ts';
import { createUpstreamRows } from '../../decode/segment-chain.ts';
import type { SegmentEngine } from '../../interface/segment.ts';
import type { TextGenerationRequest } from '../../interface/text.ts';
import { createLlamaEngine } from '../engine.ts';
import { llamaQuantizer, resolveModel } from '../llama-quantizer.ts';
import { type ChainedTextOptions, openChainedTextEngine, segmentOptionsOf } from './chained-engine.ts';
import { inspectSegmentFile } from './segment-file.ts';
import { openSegmentModel, type SegmentOptions } from './segment-model.ts';

const BLIND = new Uint8Array(32).fill(0x77);
const LONG = 'One day, a girl named Lily found a needle in her room. She knew it was sharp. '.repeat(3);

let folder: string;
let floats: string;
let quantised: string;
/** Weights of less precision. */
let cheap: string;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-edges-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  const files = ['f32', 'q8_0', 'q4_0'].map((type) => join(folder, `stories-${type}.gguf`));
  [floats, quantised, cheap] = files as [string, string, string];
  copyFileSync(model.path, floats);
  await llamaQuantizer.quantize(floats, quantised, 'q8_0');
  await llamaQuantizer.quantize(floats, cheap, 'q4_0');
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens a chain whose segments before the last one keep the rows that they send. */
async function openChain(
  path: string,
  edges: readonly number[],
  {
    bend = (segment) => segment,
    last: given,
    ...options
  }: Partial<ChainedTextOptions> & { bend?: (segment: SegmentEngine, place: number) => SegmentEngine } = {},
) {
  const slabs = writeSlabs(path, edges);
  const last = given ?? (slabs.at(-1) as string);
  const bytes = readFileSync(last);
  const shape = { contextSize: 512, sequences: 2, ...options };
  const sent: SentRows[] = slabs
    .slice(0, -1)
    .map((slab, place) => keepSentRows(bend(openSegmentModel(slab, segmentOptionsOf(shape)), place)));
  const engine = await openChainedTextEngine({
    ...{ last, modelRoot: new Uint8Array(32), before: createUpstreamRows(sent), threads: 1, ...shape },
    expected: { sizeBytes: bytes.length, sha256: nativeHash.sha256(bytes) },
  });
  closing.push(async () => {
    await engine.close();
    for (const segment of sent) await segment.close();
  });
  return { engine, sent };
}

function hashEdge(embeddingSize: number): EdgeHasher {
  const bank = createSketchBank(nativeHash, { ...SKETCH, embeddingSize });
  return createEdgeHasher(nativeHash, { blind: BLIND, bank });
}

function commit(rows: Float32Array, embeddingSize: number): EdgeValues {
  const hasher = hashEdge(embeddingSize);
  hasher.push(rows);
  return hasher.finish().values;
}

/** A reply of a chain, and the rows that each of its segments sent for it. */
async function serve(chain: Awaited<ReturnType<typeof openChain>>, request: TextGenerationRequest) {
  const reply = await collectReply(chain.engine.generate(request));
  const { embeddingSize } = chain.engine.info();
  const positions = reply.promptTokens.length + reply.outputTokens.length - 1;
  const rows = chain.sent.map(({ rowsOf }) => rowsOf(0).subarray(0, positions * embeddingSize));
  const tokens = Uint32Array.from([...reply.promptTokens, ...reply.outputTokens]).subarray(0, positions);
  return { reply, rows, tokens, edges: rows.map((sent) => commit(sent, embeddingSize)) };
}

describe('the rows between layers of a whole model are those that segments sent', () => {
  it.each<[string, () => string, readonly number[], Partial<ChainedTextOptions>, Partial<TextGenerationRequest>]>([
    ['of two segments', () => quantised, [2], {}, {}],
    ['of three segments in floats', () => floats, [1, 3], {}, {}],
    [
      'after a prompt in tiles',
      () => quantised,
      [1, 4],
      { kernels: 'tiled' },
      { prompt: { kind: 'text', text: LONG } },
    ],
    [
      'after a prompt in float tiles',
      () => floats,
      [2],
      { kernels: 'tiled' },
      { prompt: { kind: 'text', text: LONG } },
    ],
    ['with guesses', () => quantised, [2, 3], { drafts: 4 }, { prompt: { kind: 'text', text: 'a b a b a b a b a b' } }],
  ])('%s', async (_how, path, edges, options, overrides) => {
    const chain = await openChain(path(), edges, options);
    const { kernels = 'exact' } = options;
    const whole = await createLlamaEngine({ modelPath: path(), contextSize: 512, sequences: 1, threads: 1, kernels });
    closing.push(() => whole.close());
    const request = createRequest('Once upon a time', {
      maxTokens: 50,
      bias: NO_END,
      drawKey: keyOf(31),
      ...overrides,
    });
    const { reply, edges: expected } = await serve(chain, request);
    const score = createScoreRequest(whole, request, reply);
    const { windows, exact, ...scored } = await whole.score({ ...score, edges: { layers: edges, blind: BLIND } });
    expect(exact).toBe(true);
    expect(windows).toEqual(reply.windows);
    expect(scored.edges).toEqual(expected);
    // Another reply has other rows.
    const outputTokens = score.outputTokens.with(1, ((score.outputTokens[1] as number) + 1) % 256);
    const other = await whole.score({ ...score, outputTokens, edges: { layers: edges, blind: BLIND } });
    for (const [i, { rows }] of (other.edges ?? []).entries()) expect(rows.root).not.toEqual(expected[i]?.rows.root);
  });
});

describe('a segment that runs a reply again from its signed input', () => {
  const scoreEdge = async (segment: SegmentEngine, scoring: SegmentScoring): Promise<EdgeValues> => {
    const hasher = hashEdge(segment.info().embeddingSize);
    for await (const rows of scoreSegment(segment, scoring)) hasher.push(rows);
    return hasher.finish().values;
  };
  const open = (path: string, options: Partial<SegmentOptions> = {}): SegmentEngine => {
    const segment = openSegmentModel(path, { contextSize: 512, ...options });
    closing.push(() => segment.close());
    return segment;
  };

  it.each<[string, () => string, Partial<ChainedTextOptions>]>([
    ['in floats', () => floats, {}],
    ['after a prompt in tiles, with guesses', () => quantised, { kernels: 'tiled', drafts: 4 }],
  ])('gives the rows that its shard sent, whatever the cut of its slab: %s', async (_how, path, options) => {
    const chain = await openChain(path(), [1, 3], options);
    const prompt = { kind: 'text', text: LONG } as const;
    const request = createRequest('', { prompt, maxTokens: 40, bias: NO_END, drawKey: keyOf(32) });
    const { reply, rows, tokens, edges } = await serve(chain, request);
    const promptTokens = reply.promptTokens.length;
    const [first] = rows as [Float32Array];
    const { kernels = 'exact' } = options;
    const [slab, secondSlab] = writeSlabs(path(), [1, 3]) as [string, string];
    const [longer] = writeSlabs(path(), [3]) as [string];
    const [, rest] = writeSlabs(path(), [1]) as [string, string];
    expect(await scoreEdge(open(slab, { kernels }), { promptTokens, input: tokens })).toEqual(edges[0]);
    expect(await scoreEdge(open(longer, { kernels, layers: 1 }), { promptTokens, input: tokens })).toEqual(edges[0]);
    const second = open(secondSlab, { kernels, passRows: 160 });
    expect(await scoreEdge(second, { promptTokens, input: first })).toEqual(edges[1]);
    expect(await scoreEdge(open(rest, { kernels, layers: 2 }), { promptTokens, input: first })).toEqual(edges[1]);
    // A verifier with less room gives the first rows, also if they are a part of the prompt.
    const part = { promptTokens, input: first, limit: 64 };
    const expected = commit(
      (rows[1] as Float32Array).subarray(0, 64 * (first.length / tokens.length)),
      first.length / tokens.length,
    );
    expect(promptTokens).toBeGreaterThan(65);
    expect(await scoreEdge(second, part)).toEqual(expected);
    await expect(scoreEdge(second, { ...part, limit: 63 })).rejects.toMatchObject({ code: 'invalid-request' });
    // Other input, and other layers, give other rows.
    const bent = first.with(7, (first[7] as number) + 1);
    expect(await scoreEdge(second, { promptTokens, input: bent })).not.toEqual(edges[1]);
    expect(await scoreEdge(open(rest, { kernels, layers: 3 }), { promptTokens, input: first })).not.toEqual(edges[1]);
  });

  it('refuses input that is none, layers that its slab lacks, and the last segment', async () => {
    const [first, last] = writeSlabs(quantised, [2]) as [string, string];
    const segment = open(first);
    const refused = { code: 'invalid-request' };
    const score = (tokens: number, promptTokens: number) =>
      scoreEdge(segment, { promptTokens, input: new Uint32Array(tokens) });
    for (const [tokens, promptTokens] of [
      [0, 0],
      [3, 4],
      [3, 0],
      [3, Number.NaN],
    ] as const)
      await expect(score(tokens, promptTokens)).rejects.toMatchObject(refused);
    await expect(scoreEdge(open(last), { promptTokens: 1, input: new Float32Array(64) })).rejects.toMatchObject(
      refused,
    );
    for (const layers of [0, 3, 1.5]) expect(() => open(first, { layers })).toThrow(expect.objectContaining(refused));
    expect(await score(3, 1)).toEqual(await score(3, 1));
  });
});

describe('the first edge that differs is the one of the shard that cheated', () => {
  const scoreWhole = async (edges: readonly number[], chain: Awaited<ReturnType<typeof openChain>>) => {
    const whole = await createLlamaEngine({ modelPath: quantised, contextSize: 512, sequences: 1, threads: 1 });
    try {
      const request = createRequest('Once upon a time', { maxTokens: 40, bias: NO_END, drawKey: keyOf(33) });
      const served = await serve(chain, request);
      const score = createScoreRequest(whole, request, served.reply);
      const scored = await whole.score({ ...score, edges: { layers: edges, blind: BLIND } });
      return {
        ...served,
        culprit: served.edges.findIndex((edge, i) => !isDeepStrictEqual(edge, scored.edges?.[i])),
        areWindowsEqual: isDeepStrictEqual(hexOf(served.reply.windows), hexOf(scored.windows)),
      };
    } finally {
      await whole.close();
    }
  };

  it.each(
    SEGMENT_ATTACKS.flatMap((attack) => [
      { attack, edges: [2], place: 0 },
      { attack, edges: [2, 4], place: 0 },
      { attack, edges: [2, 4], place: 1 },
    ]),
  )('$attack at place $place of a cut at $edges', async ({ attack, edges, place }) => {
    const [slab, swappedSlab] = [quantised, cheap].map((path) => writeSlabs(path, edges)[place] as string);
    const options = segmentOptionsOf({ contextSize: 512, sequences: 2 });
    const bend = (honest: SegmentEngine, at: number): SegmentEngine => {
      if (at !== place) return honest;
      const swapped = openSegmentModel(swappedSlab as string, options);
      const shorter = openSegmentModel(slab as string, { ...options, layers: honest.info().layers - 1 });
      for (const segment of [honest, swapped, shorter]) closing.push(() => segment.close());
      return createSegmentAttack(attack, { honest, swapped, shorter });
    };
    const {
      culprit,
      rows,
      edges: claimed,
      reply,
    } = await scoreWhole(edges, await openChain(quantised, edges, { bend }));
    expect(culprit).toBe(place);
    if (claimed.length === 1 || place > 0) return;
    // The shard behind it is honest: its signed input gives the rows that it sent.
    const second = openSegmentModel(writeSlabs(quantised, edges)[1] as string, { contextSize: 512 });
    closing.push(() => second.close());
    const hasher = hashEdge(second.info().embeddingSize);
    const scoring = { promptTokens: reply.promptTokens.length, input: rows[0] as Float32Array };
    for await (const part of scoreSegment(second, scoring)) hasher.push(part);
    expect(hasher.finish().values).toEqual(claimed[1]);
  });

  it('is none of them if all shards are honest, or if the leader cheats', async () => {
    const edges = [2, 4];
    const honest = await scoreWhole(edges, await openChain(quantised, edges));
    expect(honest).toMatchObject({ culprit: -1, areWindowsEqual: true });
    const last = writeSlabs(cheap, edges).at(-1) as string;
    const { weightType, hasFloatMatrices } = inspectSegmentFile(writeSlabs(quantised, edges)[1] as string);
    const leads = await openChain(quantised, edges, { last, weights: { weightType, hasFloatMatrices } });
    expect(await scoreWhole(edges, leads)).toMatchObject({ culprit: -1, areWindowsEqual: false });
  });
});
