import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { createEdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import type { EdgeValues } from '@ogong/protocol/modality/text/boundary/edge-values';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
  SKETCH,
} from '@ogong/testing/engine/compliance-requests';
import { keepSentRows, type SentRows } from '@ogong/testing/engine/sent-rows';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeHash } from '../../decode/native-hash.ts';
import { createUpstreamRows } from '../../decode/segment-chain.ts';
import type { TextGenerationRequest } from '../../interface/text.ts';
import { createLlamaEngine } from '../engine.ts';
import { llamaQuantizer, resolveModel } from '../llama-quantizer.ts';
import { type ChainedTextOptions, openChainedTextEngine, segmentOptionsOf } from './chained-engine.ts';
import { openSegmentModel } from './segment-model.ts';

const BLIND = new Uint8Array(32).fill(0x77);
const LONG = 'One day, a girl named Lily found a needle in her room. She knew it was sharp. '.repeat(3);

let folder: string;
let floats: string;
let quantised: string;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-edges-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  [floats, quantised] = ['f32', 'q8_0'].map((type) => join(folder, `stories-${type}.gguf`)) as [string, string];
  copyFileSync(model.path, floats);
  await llamaQuantizer.quantize(floats, quantised, 'q8_0');
});
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens a chain whose segments before the last one keep the rows that they send. */
async function openChain(path: string, edges: readonly number[], options: Partial<ChainedTextOptions>) {
  const slabs = writeSlabs(path, edges);
  const last = slabs.at(-1) as string;
  const bytes = readFileSync(last);
  const shape = { contextSize: 512, sequences: 2, ...options };
  const sent: SentRows[] = slabs
    .slice(0, -1)
    .map((slab) => keepSentRows(openSegmentModel(slab, segmentOptionsOf(shape))));
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

function commit(rows: Float32Array, embeddingSize: number): EdgeValues {
  const hasher = createEdgeHasher(nativeHash, {
    blind: BLIND,
    bank: createSketchBank(nativeHash, { ...SKETCH, embeddingSize }),
  });
  hasher.push(rows);
  return hasher.finish().values;
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
    const reply = await collectReply(chain.engine.generate(request));
    const { embeddingSize } = whole.info();
    const positions = reply.promptTokens.length + reply.outputTokens.length - 1;
    const expected = chain.sent.map(({ rowsOf }) =>
      commit(rowsOf(0).subarray(0, positions * embeddingSize), embeddingSize),
    );
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
