import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { encodeRecordV2, parseRecordV2 } from '@ogong/protocol/commitment/record';
import { ProviderService, VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { adjudicateReport } from '@ogong/protocol/modality/text/adjudicate';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { encodeDivergence, parseDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { locateDivergence } from '@ogong/protocol/modality/text/stage2/locate-divergence';
import { encodeTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { parseTraceReport, type SignedTrace } from '@ogong/protocol/modality/text/stage2/trace-report';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { createNetwork, type Network, type NetworkOptions, receive } from '@ogong/testing/provider/provider-fixture';
import {
  openReply,
  scoreWith,
  startVerifier,
  type TestVerifier,
  type TracedReply,
  traceWith,
} from '@ogong/testing/verifier/trace-fixture';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function network(engine: FakeEngineOptions = {}, options: NetworkOptions = {}): Promise<Network> {
  const made = await createNetwork({ engine, modelId: 'ogong/replay/test/fake', ...options });
  closing.push(() => made.close());
  return made;
}

async function serve(network: Network, body: Readonly<Record<string, unknown>> = {}): Promise<TracedReply> {
  const message = network.order({ body });
  const { finished } = await receive(network.client, message);
  return openReply(message, finished.record!.record, network.connect);
}

async function verifier(seed: number, engine: FakeEngineOptions = {}): Promise<TestVerifier> {
  const made = await startVerifier(createFakeEngine({ contextSize: 512, ...engine }), seed);
  closing.push(() => made.close());
  return made;
}

async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

async function locate(
  served: TracedReply,
  checking: TestVerifier,
  askProvider: (position: number) => Promise<SignedTrace> = served.trace,
) {
  const report = await scoreWith(checking, served);
  const { recordBytes: record, header, opening } = served;
  const providerId = header.drawKey.mode === 'nonce' ? header.drawKey.providerId : new Uint8Array(32);
  const errors: string[] = [];
  const evidence = await locateDivergence(
    crypto,
    { record, header, claimed: opening.windows, rerun: report.windows, providerId, verifierKeyHash: checking.keyHash },
    {
      provider: askProvider,
      verifier: (position) => traceWith(checking, served, position),
      onError: (side, error) => errors.push(`${side}: ${(error as Error).message}`),
    },
  );
  return { report, evidence, errors, disputed: { providerId, record, opening } };
}

describe.each([{ shaped: false }, { shaped: true }])('a dispute in tier replay: %o', (shapes) => {
  it.each([0, 3])('names position and block %i, and a third machine confirms the verifier', async (brokenLayer) => {
    const served = await serve(await network({ ...shapes, brokenLayer }));
    const [checking, third] = [await verifier(11, shapes), await verifier(12, shapes)];
    const { report, evidence, errors, disputed } = await locate(served, checking);
    expect(errors).toEqual([]);
    expect(served.replay.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(adjudicateReport(crypto, served, report).outcome).toBe('reject');
    const bytes = encodeDivergence(evidence!);
    expect(parseDivergence(bytes)).toEqual(evidence);
    const confirmation = await traceWith(third, served, evidence!.position);
    const verdict = verifyDivergence(crypto, parseDivergence(bytes), { disputed, third: confirmation });
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(verdict).toMatchObject({ side: 'verifier', stage: brokenLayer + 1 });
    expect(verdict.checks.at(-1)?.detail).toMatch(new RegExp(`at block ${brokenLayer}$`));
  });

  it('goes the other way where the verifier is the one that is broken', async () => {
    const served = await serve(await network(shapes));
    const [broken, third] = [await verifier(11, { ...shapes, brokenLayer: 1 }), await verifier(12, shapes)];
    const { evidence, disputed } = await locate(served, broken);
    const confirmation = await traceWith(third, served, evidence!.position);
    expect(verifyDivergence(crypto, evidence!, { disputed, third: confirmation })).toMatchObject({
      side: 'provider',
      stage: undefined,
    });
  });

  it('decides nothing where the third machine is broken in its own way', async () => {
    const served = await serve(await network({ ...shapes, brokenLayer: 1 }));
    const [checking, third] = [await verifier(11, shapes), await verifier(12, { ...shapes, brokenLayer: 2 })];
    const { evidence, disputed } = await locate(served, checking);
    const confirmation = await traceWith(third, served, evidence!.position);
    expect(verifyDivergence(crypto, evidence!, { disputed, third: confirmation }).side).toBe('neither');
  });

  it('has nothing to locate in an honest reply', async () => {
    const served = await serve(await network(shapes));
    const { report, evidence } = await locate(served, await verifier(11, shapes));
    expect(adjudicateReport(crypto, served, report).outcome).toBe('accept');
    expect(evidence).toBeUndefined();
  });
});

describe('a dispute in tier replay', () => {
  it.each<[string, FakeEngineOptions, ((position: number) => Promise<SignedTrace>) | undefined, RegExp]>([
    ['cannot look into its model', { brokenLayer: 1, canTrace: false }, undefined, /layers of this model/],
    ['does not answer', { brokenLayer: 1 }, () => Promise.reject(new Error('silence')), /silence/],
  ])('goes on without the layer where the provider %s', async (_what, engine, ask, words) => {
    const served = await serve(await network(engine));
    const [checking, third] = [await verifier(11), await verifier(12)];
    const { evidence, errors, disputed } = await locate(served, checking, ask);
    expect(errors).toEqual([expect.stringMatching(words)]);
    expect(evidence).toMatchObject({ provider: undefined });
    const confirmation = await traceWith(third, served, evidence!.position);
    expect(verifyDivergence(crypto, evidence!, { disputed, third: confirmation })).toMatchObject({
      side: 'verifier',
      stage: undefined,
    });
  });

  it('rejects a trace of another key, position or content than that of the provider', async () => {
    const served = await serve(await network({ brokenLayer: 1 }));
    const [checking, third] = [await verifier(11), await verifier(12)];
    const bend = async (position: number) => {
      const trace = await served.trace(position);
      return { ...trace, report: trace.report.map((byte, i) => (i === trace.report.length - 1 ? byte ^ 1 : byte)) };
    };
    for (const [ask, words] of [
      [(position: number) => traceWith(third, served, position), /another key/],
      [bend, /signature/],
      [(position: number) => served.trace(position + 1), /another record, position/],
    ] as const) {
      const { evidence, errors } = await locate(served, checking, ask);
      expect(errors).toEqual([expect.stringMatching(words)]);
      expect(evidence?.provider).toBeUndefined();
    }
  });

  it('asks nobody else where the verifier does not stand by its report', async () => {
    const served = await serve(await network({ brokenLayer: 1 }));
    const checking = await verifier(11, { canTrace: false });
    const { evidence, errors } = await locate(served, checking);
    expect(evidence).toBeUndefined();
    expect(errors).toEqual([expect.stringMatching(/^verifier: this machine cannot trace/)]);
  });
});

describe('a trace', () => {
  let net: Network;
  let served: TracedReply;
  let checking: TestVerifier;
  beforeAll(async () => {
    net = await createNetwork({ modelId: 'ogong/replay/test/fake' });
    served = await serve(net);
    checking = await startVerifier(createFakeEngine({ contextSize: 512 }), 11);
  });
  afterAll(async () => {
    await checking.close();
    await net.close();
  });

  it('is the same from both sides, and about what was asked', async () => {
    const [a, b] = [await served.trace(5), await traceWith(checking, served, 5)].map(({ report }) =>
      parseTraceReport(report),
    );
    expect(a).toEqual(b);
    expect(a).toMatchObject({
      position: 5,
      exact: true,
      recordHash: crypto.sha256(served.recordBytes),
      numericClass: served.header.numericClass,
      promptTokensHash: served.header.promptTokensHash,
      outputTokensHash: served.header.outputTokensHash,
    });
  });

  const bendRecord = (change: object) => encodeRecordV2({ ...parseRecordV2(served.recordBytes), ...change });

  it('is refused by a provider to strangers, and its own consumer', async () => {
    const call = {
      record: served.recordBytes,
      request: served.job.request,
      endpoint: 'chat',
      position: 0,
      timeoutMs: 1_000,
    };
    for (const seed of [2, 4]) {
      const stranger = await net.connect(seed);
      const error = await refusalOf(stranger.service(ProviderService).trace(call));
      expect(error.refusal).toBe('precondition');
      expect(error.message).toMatch(/only registered validators/);
    }
  });

  it('is refused by a provider for a reply that it did not serve, or a position out of range', async () => {
    const validator = await net.connect(3);
    const call = {
      record: served.recordBytes,
      request: served.job.request,
      endpoint: 'chat',
      position: 0,
      timeoutMs: 1_000,
    };
    const cases: readonly [Partial<typeof call>, RegExp][] = [
      [{ record: new Uint8Array(600) }, /too long/],
      [{ record: served.recordBytes.subarray(1) }, /record/],
      [{ record: bendRecord({ modelRoot: new Uint8Array(32) }) }, /another model/],
      [{ record: bendRecord({ replyId: new Uint8Array(16) }) }, /no opening of this reply/],
      [{ record: bendRecord({ commitRoot: new Uint8Array(32) }) }, /commits to another reply/],
      [{ request: new Uint8Array(3) }, /another request/],
      [{ endpoint: 'poem' }, /another request/],
      [{ position: served.record.tokenCount }, /position/],
      [{ position: 0xffffffff }, /position/],
      [{ timeoutMs: 0 }, /no time/],
    ];
    for (const [bent, words] of cases) {
      const error = await refusalOf(validator.service(ProviderService).trace({ ...call, ...bent }));
      expect(error.message).toMatch(words);
      expect(error.code).toBe('remote');
    }
    await validator.service(ProviderService).trace(call);
  });

  it('is refused by a verifier to strangers, and for what is out of range', async () => {
    const stranger = await checking.connect(4);
    const { job, recordBytes: record } = served;
    const shown = readTextClaim(job);
    const show = (bend: Partial<typeof shown>) => ({ ...job, claim: encodeTextClaim({ ...shown, ...bend }) });
    const call = { job, record, position: 0 };
    expect((await refusalOf(stranger.service(VerifierService).trace(call))).code).toBe('unauthorized');
    const cases: readonly [Partial<{ job: typeof job; record: Uint8Array; position: number }>, RegExp][] = [
      [{ record: bendRecord({ modelRoot: new Uint8Array(32) }) }, /another model/],
      [{ record: new Uint8Array(0) }, /record/],
      [{ position: served.record.tokenCount }, /position/],
      [{ job: { ...job, request: new Uint8Array(2) } }, /another request/],
      [{ job: show({ listSizes: shown.listSizes.subarray(1) }) }, /list sizes/],
      [{ job: { ...job, timeoutMs: 0 } }, /deadline/],
      [
        {
          position: 9,
          job: show({ outputTokens: shown.outputTokens.subarray(0, 32), listSizes: shown.listSizes.subarray(0, 8) }),
        },
        /position 9 of a reply of 8/,
      ],
    ];
    for (const [bent, words] of cases) {
      const error = await refusalOf(checking.client.service(VerifierService).trace({ ...call, ...bent }));
      expect(error.message).toMatch(words);
    }
    const { job: _job, ...rest } = call;
    expect((await refusalOf(checking.client.service(VerifierService).trace(rest))).message).toMatch(/job is missing/);
    await checking.client.service(VerifierService).trace(call);
  });
});
