import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { createLlamaEmbeddingEngine } from '@ogong/engine/llama-cpp/embedding-engine';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { replayOpening } from '@ogong/protocol/modality/registry';
import { writeRandomBert } from '@ogong/testing/models/random-bert';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEngine, parseScorable } from '../../verifier/scorer.ts';

/** llama.h, enum llama_pooling_type: the first token's. */
const CLS = 2;
const SHAPE = { embedding: 128, layers: 3, heads: 4, feedForward: 256, context: 128, poolingCode: CLS };
const INPUT = ['the little dog sat', 'a cat', 'dogs, cats and 12 more words that are spelled letter by letter'];

let folder: string;
let path: string;
let verifier: EmbeddingEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-embedding-audit-'));
  path = join(folder, 'bert.gguf');
  writeRandomBert(path, SHAPE);
  verifier = await createLlamaEmbeddingEngine({ modelPath: path, threads: 1 });
});
afterAll(async () => {
  await verifier.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A reply of the engine, sold as the verifier's model, and what an audit of it finds. */
async function audit(served: EmbeddingEngine, judge: EmbeddingEngine = verifier) {
  const { modelRoot } = judge.info();
  const realEngine = { ...served, info: () => ({ ...served.info(), modelRoot }) };
  const network = await createNetwork({ realEngine });
  try {
    const message = network.order({ body: { input: INPUT } });
    const { finished } = await receive(network.client, message);
    const record = parseRecordV2(finished.record!.record);
    const { replyId } = record;
    const { opening } = await network.client.service(ProviderService).getOpening({ replyId });
    const reply = replayOpening(crypto, record, parseOpening(opening));
    expect(reply.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    const job = {
      ...{ jobId: new Uint8Array(16), request: message.request, timeoutMs: 1000, contextSize: 0, draw: NO_DRAW },
      ...reply.describeJob('embedding', NO_DRAW),
    };
    const scorable = parseScorable(job, findEngine([judge], job.modelRoot), crypto);
    const read = reply.readReport(await scorable.score(AbortSignal.timeout(60_000)), job);
    if ('problem' in read) throw new Error(read.problem);
    const { outcome, checks } = read.weigh({});
    return { outcome, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id), checks };
  } finally {
    await network.close();
  }
}

describe('an audit of what an encoder embedded', () => {
  it('accepts by equality, whatever the number of threads', async () => {
    const { outcome, checks } = await audit(await createLlamaEmbeddingEngine({ modelPath: path, threads: 2 }));
    expect(outcome).toBe('accept');
    expect(checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });

  it('accepts by distance where the kernels are others', async () => {
    const { outcome, checks } = await audit(await createLlamaEmbeddingEngine({ modelPath: path, kernels: 'plain' }));
    expect(outcome).toBe('accept');
    expect(checks).toContainEqual(expect.objectContaining({ id: 'sketch-distance', status: 'pass' }));
  });

  it('rejects weights of another precision that are sold as the model', async () => {
    const cheap = join(folder, 'q4_0.gguf');
    await llamaQuantizer.quantize(path, cheap, 'q4_0');
    expect(await audit(await createLlamaEmbeddingEngine({ modelPath: cheap }))).toMatchObject({
      ...{ outcome: 'reject', failed: ['sketch-distance'] },
    });
  });
});

describe('an audit of what a chat model embedded', () => {
  const modelPath = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
  const open = (threads: number, path = modelPath) =>
    createLlamaEmbeddingEngine({ modelPath: path, pools: 'mean', contextSize: 128, threads });
  let judge: EmbeddingEngine;
  beforeAll(async () => {
    judge = await open(1);
  });
  afterAll(() => judge.close());

  it('accepts by equality, and rejects another chat model under its name', async () => {
    expect(await audit(await open(2), judge)).toMatchObject({ outcome: 'accept', failed: [] });
    const other = join(folder, 'other.gguf');
    const shape = { embedding: 64, layers: 2, heads: 2, kvHeads: 2, feedForward: 128, context: 128 };
    writeRandomModel(other, { vocabularyFrom: modelPath, shape });
    expect(await audit(await open(2, other), judge)).toMatchObject({ outcome: 'reject' });
  });

  it('is never asked of a verifier of its texts', async () => {
    const text = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 128 });
    try {
      expect(() => findEngine([text], judge.info().modelRoot)).toThrow('no model of root');
      expect(findEngine([text, judge], judge.info().modelRoot)).toBe(judge);
    } finally {
      await text.close();
    }
  });
});
