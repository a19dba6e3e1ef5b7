import type { TextEngine } from '@ogong/engine/interface/text';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateReport, checkReportShape } from '@ogong/protocol/modality/text/adjudicate';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { planRequest } from '../../calibration/request-plan.ts';
import { replaySample, type ServedSample, scoreSample, serveSample } from '../../calibration/sample.ts';
import { type CommitReply, draftReply, signReply } from './commit-reply.ts';

const engine = createFakeEngine();
const signer = createNodeHybridSigner(new Uint8Array(64).fill(4));
afterAll(() => engine.close());

async function judge(bend: (header: Header) => Header, checker: TextEngine = engine) {
  const commit: CommitReply = (...[, , reply]) => {
    const draft = draftReply(crypto, reply);
    return signReply(crypto, signer, { ...draft, header: bend(draft.header) });
  };
  const request = { seed: 3, body: planRequest({ maxTokens: 40 }, 3) };
  const sample = (await serveSample(request, { engine, crypto, signer, commit })) as ServedSample;
  const { record, opening, replay } = replaySample(crypto, sample)!;
  const header = replay.header as Header;
  const report = parseScoreReport((await scoreSample(sample, { engine: checker, crypto })) as Uint8Array);
  const { jobId, modelRoot } = report;
  expect(checkReportShape(report, { jobId, modelRoot, header, replay }).status).toBe('pass');
  const { outcome, checks } = adjudicateReport(crypto, { record, header, opening }, report);
  const named = (wanted: string) => checks.filter(({ status }) => status === wanted).map(({ id }) => id);
  return { outcome, failed: named('fail'), skipped: named('skip'), windows: report.windows.length };
}

it('accepts what the header says of the model', async () => {
  expect(await judge((header) => header)).toMatchObject({ outcome: 'accept', failed: [], skipped: [], windows: 2 });
});

it.each([
  ['a larger vocabulary', (header: Header) => ({ ...header, vocabularySize: header.vocabularySize + 1 })],
  ['another width', (header: Header) => ({ ...header, embeddingSize: header.embeddingSize + 8 })],
])('reports %s as a lie in the header, and does not refuse the job', async (_, bend) => {
  expect(await judge(bend)).toMatchObject({ outcome: 'reject', failed: ['vocabulary', 'response-text'] });
});

describe('a verifier with less room than prompt and reply take', () => {
  const scoreIn = async (room: number, change: Partial<FakeEngineOptions> = {}, bend = (header: Header) => header) => {
    let prompt = 0;
    await judge((header) => {
      prompt = header.promptTokenCount;
      return header;
    });
    const small = createFakeEngine({ ...change, contextSize: prompt + room });
    try {
      return await judge(bend, small);
    } finally {
      await small.close();
    }
  };

  it('scores the whole windows that fit, and accepts nothing of what it did not see', async () => {
    expect(await scoreIn(40)).toMatchObject({ outcome: 'accept', windows: 2 });
    expect(await scoreIn(39)).toEqual({ outcome: 'inconclusive', failed: [], skipped: ['room'], windows: 1 });
    expect(await scoreIn(32)).toMatchObject({ outcome: 'inconclusive', windows: 1 });
    expect(await scoreIn(31)).toEqual({ outcome: 'inconclusive', failed: [], skipped: ['room'], windows: 0 });
    expect(await scoreIn(-1)).toEqual({ outcome: 'inconclusive', failed: [], skipped: ['room'], windows: 0 });
  });

  it('sees a forged reply at its beginning', async () => {
    expect(await scoreIn(39, { weights: 2 })).toMatchObject({ outcome: 'reject', failed: ['equality'], windows: 1 });
  });

  it('compares the prompt where no window fits', async () => {
    const longer = (header: Header) => ({ ...header, promptTokenCount: header.promptTokenCount + 9 });
    expect(await scoreIn(0, {}, longer)).toMatchObject({ outcome: 'reject', failed: ['prompt-tokens'], windows: 0 });
  });
});
