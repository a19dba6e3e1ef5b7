import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { ResolvedModel } from '@ogong/models/resolve';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { locateDivergence } from '@ogong/protocol/modality/text/stage2/locate-divergence';
import { parseTraceReport } from '@ogong/protocol/modality/text/stage2/trace-report';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import { writeNoisyModel } from '@ogong/testing/models/noisy-model';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import {
  openReply,
  scoreWith,
  startVerifier,
  type TestVerifier,
  traceWith,
} from '@ogong/testing/verifier/trace-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

/** Tier replay on real weights: provider, verifier and a third machine, each with a process of its own. */
const storeDir = mkdtempSync(join(tmpdir(), 'ogong-replay-tier-'));
const closing: (() => Promise<void>)[] = [];
let model: ResolvedModel;
beforeAll(async () => {
  model = await resolveModel('stories15M', { storeDir });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rmSync(storeDir, { recursive: true, force: true }));

const open = (options: Partial<LlamaEngineOptions> = {}): Promise<LlamaEngine> =>
  createLlamaEngine({ modelPath: model.path, sequences: 1, contextSize: 256, threads: 1, ...options });

async function serveWith(engine: TextEngine) {
  const network = await createNetwork({ realEngine: engine, modelId: 'ogong/replay/test/stories' });
  closing.push(() => network.close());
  const message = network.order({ body: { max_tokens: 48, logit_bias: { 1: -100, 2: -100 } } });
  const { finished } = await receive(network.client, message);
  return openReply(message, finished.record!.record, network.connect);
}

async function verifyWith(engine: TextEngine, seed: number): Promise<TestVerifier> {
  const verifier = await startVerifier(engine, seed);
  closing.push(() => verifier.close());
  return verifier;
}

describe('tier replay', () => {
  it('accepts an honest reply by equality', async () => {
    const served = await serveWith(await open());
    const verdict = adjudicateReport(crypto, served, await scoreWith(await verifyWith(await open(), 11), served));
    expect(verdict.outcome).toBe('accept');
    expect(verdict.checks.slice(-2)).toMatchObject([
      { id: 'equality', status: 'pass' },
      { id: 'own-choice', status: 'pass' },
    ]);
  });

  it('finds the block whose weights were changed, and a third machine of another instruction set confirms it', async () => {
    const block = 2;
    const modelPath = join(storeDir, 'noisy.gguf');
    writeNoisyModel(model.path, modelPath, { tensor: `blk.${block}.ffn_down.weight`, seed: 7 });
    const noisy = await open({ modelPath });
    // It sells the published root and runs another model.
    const sold: TextEngine = { ...noisy, info: () => ({ ...noisy.info(), modelRoot: model.modelRoot }) };
    const served = await serveWith(sold);
    expect(served.replay.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const verifier = await verifyWith(await open(), 11);
    const third = await verifyWith(await open(process.arch === 'x64' ? { isa: 'sse42' } : {}), 12);

    const [first, second] = [await scoreWith(verifier, served), await scoreWith(third, served)];
    const outcomes = [first, second].map((report) => adjudicateReport(crypto, served, report).outcome);
    expect(outcomes).toEqual(['reject', 'reject']);

    const { recordBytes: record, header, opening } = served;
    const providerId = header.drawKey.mode === 'nonce' ? header.drawKey.providerId : new Uint8Array(32);
    const evidence = await locateDivergence(
      crypto,
      { record, header, claimed: opening.windows, rerun: first.windows, providerId, verifierKeyHash: verifier.keyHash },
      {
        provider: served.trace,
        verifier: (position) => traceWith(verifier, served, position),
        onError: (side, error) => {
          throw new Error(`${side} gave no trace`, { cause: error });
        },
      },
    );
    const verdict = verifyDivergence(crypto, evidence!, {
      disputed: { providerId, record, opening },
      third: await traceWith(third, served, evidence!.position),
    });
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(verdict).toMatchObject({ side: 'verifier', stage: block + 1 });
    expect(verdict.checks.at(-1)?.detail).toMatch(/at block 2$/);
  });

  it('is inconclusive if the only verifier cannot run the class, and its trace proves nothing', async () => {
    const served = await serveWith(await open());
    const other = await verifyWith(await open({ kernels: 'fast' }), 11);
    const verdict = adjudicateReport(crypto, served, await scoreWith(other, served));
    expect(verdict.outcome).toBe('inconclusive');
    expect(parseTraceReport((await traceWith(other, served, 0)).report).exact).toBe(false);
  });

  it('is refused to a provider with kernels that have no twin', async () => {
    const engine = await open({ kernels: 'fast' });
    const attempt = createNetwork({ realEngine: engine, modelId: 'ogong/replay/test/stories' });
    await expect(attempt).rejects.toThrow(/tier replay is refused/);
  });
});
