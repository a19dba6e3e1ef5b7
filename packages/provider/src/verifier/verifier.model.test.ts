import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/resolve-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { encodeTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { createNetwork, findReplyId, type Network, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseScoreJob, scoreJob } from '../modality/text/score-text.ts';

const storeDir = mkdtempSync(join(tmpdir(), 'ogong-models-'));
afterAll(() => rmSync(storeDir, { recursive: true, force: true }));

/** Provider and verifier with two engines of their own over the same real weights. */
describe('an audit with real weights', () => {
  let network: Network;
  let verifier: LlamaEngine;
  beforeAll(async () => {
    const { path: modelPath } = await resolveModel('stories260K', { storeDir });
    verifier = await createLlamaEngine({ modelPath, sequences: 1, contextSize: 512 });
    network = await createNetwork({
      realEngine: await createLlamaEngine({ modelPath, sequences: 4, contextSize: 512 }),
    });
  });
  afterAll(async () => {
    await network?.close();
    await verifier?.close();
  });

  it.each([
    ['plain', { max_tokens: 70 }],
    ['greedy', { temperature: 0, max_tokens: 40 }],
    ['filtered and penalised', { top_p: 0.8, top_k: 30, frequency_penalty: 0.7, logit_bias: { 5: 2 }, max_tokens: 40 }],
    ['cut at a stop string', { stop: ['. ', ' was'], max_tokens: 200 }],
    ['ended by the model', { logit_bias: { 1: 12, 2: 12 }, max_tokens: 200 }],
  ])('is an equality for a reply that is %s', async (name, body) => {
    const nonce = name.length;
    const message = network.order({ body, nonce });
    const { finished } = await receive(network.client, message);
    const id = findReplyId(nonce);
    const { opening: bytes } = await network.client.service(ProviderService).getOpening({ replyId: id });
    const opening = parseOpening(bytes);
    const record = parseRecordV2(finished.record!.record);
    const header = parseHeader(opening.header);
    const replay = replayReply(crypto, record, opening);
    expect(replay.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const job = parseScoreJob(
      {
        jobId: id,
        request: message.request,
        endpoint: message.endpoint,
        header: opening.header,
        modelRoot: record.modelRoot,
        sketchBankSeed: header.sketchBankSeed,
        modality: 'text',
        claim: encodeTextClaim({
          blind: opening.blind,
          outputTokens: new Uint8Array(replay.outputTokens.slice().buffer),
          listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
          shapeClasses: replay.shapeClasses,
          tailDraws: encodeTailDraws(replay.tailDraws),
        }),
        timeoutMs: 0,
      },
      crypto,
    );
    const report = parseScoreReport(
      await scoreJob(job, { engine: verifier, crypto, signal: AbortSignal.timeout(60_000) }),
    );
    const verdict = adjudicateReport(crypto, { record, header, opening }, report);
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(verdict.outcome).toBe('accept');
    if (verifier.info().exact)
      expect(verdict.checks.find(({ id: check }) => check === 'equality')?.status).toBe('pass');
  });
});
