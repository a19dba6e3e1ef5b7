import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateReport, checkReportShape } from '@ogong/protocol/modality/text/adjudicate';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, expect, it } from 'vitest';
import { planRequest } from '../calibration/request-plan.ts';
import { replaySample, type ServedSample, scoreSample, serveSample } from '../calibration/sample.ts';
import { type CommitReply, draftReply, signReply } from '../provider/commit-reply.ts';

const engine = createFakeEngine();
const signer = createNodeHybridSigner(new Uint8Array(64).fill(4));
afterAll(() => engine.close());

async function judge(bend: (header: Header) => Header) {
  const commit: CommitReply = (...[, , reply]) => {
    const draft = draftReply(crypto, reply);
    return signReply(crypto, signer, { ...draft, header: bend(draft.header) });
  };
  const request = { seed: 3, body: planRequest({ maxTokens: 40 }, 3) };
  const sample = (await serveSample(request, { engine, crypto, signer, commit })) as ServedSample;
  const { record, opening, replay } = replaySample(crypto, sample)!;
  const header = replay.header as Header;
  const report = parseScoreReport((await scoreSample(sample, { engine, crypto })) as Uint8Array);
  const { jobId, modelRoot } = report;
  expect(checkReportShape(report, { jobId, modelRoot, header, replay }).status).toBe('pass');
  const { outcome, checks } = adjudicateReport(crypto, { record, header, opening }, report);
  return { outcome, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

it('accepts what the header says of the model', async () => {
  expect(await judge((header) => header)).toEqual({ outcome: 'accept', failed: [] });
});

it.each([
  ['a larger vocabulary', (header: Header) => ({ ...header, vocabularySize: header.vocabularySize + 1 })],
  ['another width', (header: Header) => ({ ...header, embeddingSize: header.embeddingSize + 8 })],
])('reports %s as a lie in the header, and does not refuse the job', async (_, bend) => {
  expect(await judge(bend)).toEqual({ outcome: 'reject', failed: ['vocabulary', 'response-text'] });
});
