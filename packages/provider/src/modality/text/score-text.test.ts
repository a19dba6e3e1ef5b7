import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { adjudicateReport, checkReportShape } from '@ogong/protocol/modality/text/adjudicate';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim, parseTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { isClassDenied } from '@ogong/protocol/tier/exact-class';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import { planRequest } from '../../calibration/request-plan.ts';
import {
  createSampleJob,
  replaySample,
  type ServedSample,
  scoreSample,
  serveSample,
} from '../../calibration/sample.ts';
import { type CommitReply, draftReply, signReply } from './commit-reply.ts';
import { openTextJob } from './score-text.ts';

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
  const endorsedClass = checker.info().numericClass;
  const claim = { numericClass: report.numericClass, isExact: report.exact || report.windows.length === 0 };
  expect(isClassDenied(header, claim, endorsedClass)).toBe(false);
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

describe('a request that the model cannot have read', () => {
  const refuseWith = (code: 'invalid-request' | 'prompt-too-long'): TextEngine => ({
    ...engine,
    tokenizePrompt: () => Promise.reject(new EngineError(code, 'this model has no tokens for a suffix')),
  });

  it('is reported as a fact, which rejects the reply', async () => {
    const found = await judge((header) => header, refuseWith('invalid-request'));
    expect(found).toMatchObject({ outcome: 'reject', failed: ['prompt-tokens', 'vocabulary', 'response-text'] });
  });

  it('is no fact if only this machine lacks the room', async () => {
    await expect(judge((header) => header, refuseWith('prompt-too-long'))).rejects.toThrow('no tokens for a suffix');
  });
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
    expect(await scoreIn(31, { lanes: true })).toMatchObject({ outcome: 'inconclusive', windows: 0 });
  });

  it('sees a forged reply at its beginning', async () => {
    expect(await scoreIn(39, { weights: 2 })).toMatchObject({ outcome: 'reject', failed: ['equality'], windows: 1 });
  });

  it('compares the prompt where no window fits', async () => {
    const longer = (header: Header) => ({ ...header, promptTokenCount: header.promptTokenCount + 9 });
    expect(await scoreIn(0, {}, longer)).toMatchObject({ outcome: 'reject', failed: ['prompt-tokens'], windows: 0 });
  });
});

describe('a job about a reply that a cohort served', () => {
  const open = async (edges: readonly number[], checker: TextEngine = engine) => {
    const request = { seed: 3, body: planRequest({ maxTokens: 40 }, 3) };
    const sample = (await serveSample(request, { engine, crypto, signer })) as ServedSample;
    const { record, opening, replay } = replaySample(crypto, sample)!;
    const { blind } = opening;
    const header = replay.header as Header;
    const plain = { jobId: new Uint8Array(16), modelRoot: record.modelRoot, blind, header, replay, timeoutMs: 60_000 };
    const message = createSampleJob(sample, plain);
    const claim = encodeTextClaim({ ...parseTextClaim(message.claim), edges });
    const job = openTextJob({ ...message, claim }, { engine: checker, crypto });
    const report = parseScoreReport(await job.score(new AbortController().signal));
    return { report, header, opening };
  };

  it('is answered with the rows of this pass at each edge, beside the windows of the reply', async () => {
    const { report, header, opening } = await open([1, 3]);
    expect(report.windows).toEqual(opening.windows);
    const positions = header.promptTokenCount + header.outputTokenCount - 1;
    expect(report.edges).toMatchObject([{ positions }, { positions }]);
    const [first, second] = report.edges;
    expect(first?.rows.root).not.toEqual(second?.rows.root);
    // Another cut has the same rows at the same edge, and another model has others behind the layer that differs.
    expect((await open([3])).report.edges).toEqual([second]);
    const broken = createFakeEngine({ brokenLayer: 2 });
    const { edges } = (await open([1, 3], broken)).report;
    expect(edges[0]).toEqual(first);
    expect(edges[1]?.rows.root).not.toEqual(second?.rows.root);
    await broken.close();
  });

  it('shows the edges of the windows that fit, and none if no window fits', async () => {
    const { promptTokenCount } = (await open([2])).header;
    for (const [room, windows] of [
      [39, 1],
      [31, 0],
    ] as const) {
      const small = createFakeEngine({ contextSize: promptTokenCount + room });
      const { report } = await open([2], small);
      expect(report.windows).toHaveLength(windows);
      expect(report.edges.map(({ positions }) => positions)).toEqual(windows > 0 ? [promptTokenCount + 31] : []);
      await small.close();
    }
  });

  it('has nothing to score if the model has no such edge', async () => {
    const { report } = await open([1, 4]);
    expect(report.vocabularyHash).toEqual(new Uint8Array(32));
    expect([report.edges, report.windows.length]).toEqual([[], 2]);
  });

  it('is refused by an engine that does not show the rows between layers, so that another verifier is asked', async () => {
    const blind = createFakeEngine({ canTrace: false });
    await expect(open([1], blind)).rejects.toThrow('does not show the rows between layers');
    await blind.close();
  });
});
