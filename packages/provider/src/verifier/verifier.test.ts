import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@connectrpc/connect';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { createLogger } from '@ogong/host/log/logger';
import { createMetrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { systemClock } from '@ogong/host/time/clock';
import { equalBytes, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { hashResponse } from '@ogong/protocol/commitment/response-hash';
import { hashHybridKey, verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import type { JobRound } from '@ogong/protocol/exchange/round-signature';
import { parseEndorsement, verifyEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import {
  type GenerateRequest,
  ProviderService,
  type ScoreRequest,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
} from '@ogong/protocol/modality/shared/score-commitment';
import { adjudicateReport, checkReportShape } from '@ogong/protocol/modality/text/adjudicate';
import { encodeHeader, type Header, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { readTextClaim } from '@ogong/protocol/modality/text/scored-reply';
import { replayReply } from '@ogong/protocol/modality/text/stage1/replay';
import { encodeTailDraws } from '@ogong/protocol/modality/text/stage1/tail-draws';
import { redactHeader } from '@ogong/protocol/modality/text/stage2/redact-header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeTextClaim, type TextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { createFakeEngine, type FakeEngineOptions } from '@ogong/testing/engine/fake';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, findReplyId, type Network, receive } from '@ogong/testing/provider/provider-fixture';
import { createTestListing, nameTestRound } from '@ogong/testing/verifier/test-listing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createReports, VERIFIER_SCHEMA } from './report-store.ts';
import { createVerifier, type VerifierOptions } from './verifier.ts';

const VALIDATOR = 3;
const OTHER_VALIDATOR = 5;
let jobs = 0;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Asks as a validator does: with its signature of the round. */
async function reveal(service: Client<typeof VerifierService>, job: JobRound, by = VALIDATOR) {
  return service.reveal(nameTestRound((await makeIdentity(by)).id, job));
}

interface TestVerifier {
  readonly client: LinkClient;
  readonly keyHash: Uint8Array;
  connect(seed: number): Promise<LinkClient>;
  stop(): Promise<void>;
}

async function start(
  engineOptions: FakeEngineOptions = {},
  options: Partial<VerifierOptions> = {},
  path = ':memory:',
): Promise<TestVerifier> {
  const engine = createFakeEngine({ contextSize: 512, ...engineOptions });
  const identity = await makeIdentity(11);
  const validators = await Promise.all([VALIDATOR, OTHER_VALIDATOR].map(makeIdentity));
  const store = openStore(path, { schema: VERIFIER_SCHEMA });
  const commits = createGroupCommit(store);
  const verifier = createVerifier(
    { bind: { host: '127.0.0.1', port: 0 }, ...options },
    {
      engines: [engine],
      crypto,
      clock: systemClock,
      signer: createNodeHybridSigner(new Uint8Array(64).fill(31)),
      reports: createReports(store, commits),
      randomBytes,
      identity,
      chain: createTestListing(validators.map(({ id }) => id)),
      log: createLogger({ name: 'test', level: 'silent' }),
      metrics: createMetrics('verifier'),
    },
  );
  await verifier.start();
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await verifier.stop(0);
    await commits.close();
    store.close();
    await engine.close();
  };
  closing.push(stop);
  const connect = async (seed: number) => {
    const endpoint = verifier.address();
    const client = createLinkClient({ endpoint, certHash: identity.id, identity: await makeIdentity(seed) });
    closing.push(async () => client.close());
    return client;
  };
  return { client: await connect(VALIDATOR), keyHash: verifier.keyHash, connect, stop };
}

/** Replies of an honest provider, and the jobs that a validator would make of them. */
describe('a verifier', () => {
  let net: Network;
  beforeAll(async () => {
    net = await createNetwork();
  });
  afterAll(() => net.close());

  it('signs, for anybody that asks, for the providers that its operator names, and for no others', async () => {
    const providerId = new Uint8Array(32).fill(8);
    const verifier = await start({}, { providers: [providerId] });
    const stranger = (await verifier.connect(77)).service(VerifierService);
    const endorsement = await stranger.endorse({ providerId });
    const { keyHash } = verifier;
    const holds = (untilMs: number) => verifyEndorsement(crypto, endorsement, { providerId, keyHash, untilMs });
    const nowMs = Date.now();
    expect([holds(nowMs + 6 * 86_400_000), holds(nowMs + 8 * 86_400_000)]).toEqual([true, false]);
    const { modelRoot, numericClass } = createFakeEngine({ contextSize: 512 }).info();
    const named = parseEndorsement(endorsement.word).classes.map((one) => [toHex(one.modelRoot), one.numericClass]);
    expect(named).toEqual([[toHex(modelRoot), numericClass]]);
    for (const other of [new Uint8Array(32), new Uint8Array(0)]) {
      const error = await stranger.endorse({ providerId: other }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ refusal: 'not-found' });
    }
  });

  let replies = 0;
  async function serve(body: Readonly<Record<string, unknown>> = {}) {
    const nonce = ++replies;
    const message = net.order({ body, nonce });
    const { finished } = await receive(net.client, message);
    const id = findReplyId(nonce);
    const opened = await net.client.service(ProviderService).getOpening({ replyId: id });
    const opening = parseOpening(opened.opening);
    const record = parseRecordV2(finished.record!.record);
    const header = parseHeader(opening.header);
    const replay = replayReply(crypto, record, opening);
    return { message, opening, record, header, replay, response: utf8Encode(finished.text) };
  }
  type Served = Awaited<ReturnType<typeof serve>>;

  function makeJob({ message, record, header, replay, opening }: Served) {
    const outputTokens = new Uint8Array(replay.outputTokens.length * 4);
    const view = new DataView(outputTokens.buffer);
    replay.outputTokens.forEach((token, i) => {
      view.setUint32(4 * i, token, true);
    });
    return {
      jobId: new Uint8Array(16).fill(++jobs),
      request: message.request,
      endpoint: message.endpoint,
      header: encodeHeader(redactHeader(header)),
      modelRoot: record.modelRoot,
      sketchBankSeed: header.sketchBankSeed,
      modality: 'text',
      claim: encodeTextClaim({
        blind: opening.blind,
        outputTokens,
        listSizes: Uint8Array.from(replay.rows, ({ ids }) => ids.length),
        tailDraws: encodeTailDraws(replay.tailDraws),
      }),
      timeoutMs: 20_000,
    };
  }

  async function audit(served: Served, verifier: TestVerifier) {
    const { record, header, replay, opening } = served;
    const service = verifier.client.service(VerifierService);
    const job = makeJob(served);
    const { digest, verifierKey: publicKey, signature } = await service.commit(job);
    const { jobId } = job;
    const commitment = encodeScoreCommitment({ jobId, digest });
    expect(verifyHybrid(crypto, { publicKey, message: commitment, signature })).toBe(true);
    expect(hashHybridKey(crypto, publicKey)).toEqual(verifier.keyHash);
    const opened = await reveal(service, { jobId, round: [digest] });
    const reportHash = crypto.sha256(opened.report);
    const statement = { jobId, salt: opened.salt, reportHash, round: [digest] };
    const inputsHash = hashScoreInputs(crypto, { ...job, requestHash: hashRequest(crypto, job.endpoint, job.request) });
    expect(computeScoreDigest(crypto, { ...statement, inputsHash, keyHash: verifier.keyHash })).toEqual(digest);
    const message = encodeScoreOpening(statement);
    expect(verifyHybrid(crypto, { publicKey, message, signature: opened.signature })).toBe(true);
    const report = parseScoreReport(opened.report);
    const expected = { jobId, modelRoot: record.modelRoot, header, replay };
    return {
      report,
      shape: checkReportShape(report, expected),
      verdict: adjudicateReport(crypto, { record, header, opening }, report),
    };
  }

  it('scores for a peer that may calibrate, a few jobs at a time, and not for strangers', async () => {
    const GUEST = 17;
    const { id } = await makeIdentity(GUEST);
    const verifier = await start({ stepMs: 5 }, { calibrateWith: [id], slots: 1 });
    const served = await serve({ max_tokens: 8 });
    const stranger = (await verifier.connect(18)).service(VerifierService);
    await expect(stranger.commit(makeJob(served))).rejects.toMatchObject({ code: 'unauthorized' });
    const guest = (await verifier.connect(GUEST)).service(VerifierService);
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => guest.commit(makeJob(served))));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(8);
    for (const { reason } of refused) expect(reason).toMatchObject({ refusal: 'unavailable', retryable: true });
    const job = makeJob(served);
    await expect(guest.trace({ job, record: new Uint8Array(8), position: 0 })).rejects.toMatchObject({
      code: 'unauthorized',
    });
    const { digest } = await guest.commit(job);
    expect(parseScoreReport((await guest.reveal({ jobId: job.jobId, round: [digest] })).report).jobId).toEqual(
      job.jobId,
    );
    await expect(
      reveal(verifier.client.service(VerifierService), { jobId: job.jobId, round: [digest] }),
    ).rejects.toMatchObject({ refusal: 'not-found' });
  });

  it('keeps only a few reports for a peer that calibrates, and all for a validator', async () => {
    const GUEST = 17;
    const verifier = await start({}, { calibrateWith: [(await makeIdentity(GUEST)).id] });
    const served = await serve({ max_tokens: 2 });
    const guest = (await verifier.connect(GUEST)).service(VerifierService);
    for (const [service, isKept] of [
      [verifier.client.service(VerifierService), true],
      [guest, false],
    ] as const) {
      const first = makeJob(served);
      const { digest } = await service.commit(first);
      for (let i = 0; i < 20; i++) await service.commit(makeJob(served));
      const again = isKept
        ? reveal(service, { jobId: first.jobId, round: [digest] })
        : service.reveal({ jobId: first.jobId, round: [digest] });
      if (isKept) expect((await again).report.length).toBeGreaterThan(0);
      else await expect(again).rejects.toMatchObject({ refusal: 'not-found' });
    }
  });

  it('confirms an honest reply by equality', async () => {
    const verifier = await start();
    const { report, shape, verdict } = await audit(await serve(), verifier);
    expect(shape).toMatchObject({ status: 'pass' });
    expect(verdict.outcome).toBe('accept');
    expect(verdict.checks.find(({ id }) => id === 'equality')).toMatchObject({ status: 'pass' });
    expect(report.exact).toBe(true);
  });

  it.each([
    ['ended by its stop token', { max_tokens: 200, logit_bias: { 2: 8 } }, 'stop-token'],
    ['cut at a stop string', { max_tokens: 200, stop: [' a'], seed: 6 }, 'stop-string'],
    ['cut in the middle of a character', { max_tokens: 60, seed: 11, temperature: 2 }, undefined],
    ['with a repetition penalty', { repetition_penalty: 1.3, temperature: 0.8 }, undefined],
    ['with a repetition penalty below one of the last tokens', { repeat_penalty: 0.8, repeat_last_n: 20 }, undefined],
    ['with penalties and biases', { logit_bias: { 260: 5 }, frequency_penalty: 1, top_p: 0.9 }, undefined],
  ])('confirms a reply %s', async (_name, body, stopReason) => {
    const verifier = await start();
    const served = await serve(body);
    if (stopReason) expect(served.header.stopReason).toBe(stopReason);
    const { verdict } = await audit(served, verifier);
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(verdict.outcome).toBe('accept');
  });

  it('refutes a reply of another model', async () => {
    const verifier = await start({ error: 3 });
    const { verdict } = await audit(await serve(), verifier);
    expect(verdict.outcome).toBe('reject');
    expect(verdict.checks.find(({ id }) => id === 'equality')).toMatchObject({ status: 'fail' });
  });

  it('refutes a stop string that no token completes, tokens after the one that does, and a text that runs past it', async () => {
    const verifier = await start();
    const served = await serve({ max_tokens: 40 });
    const text = new TextDecoder().decode(served.response);
    const at = text.indexOf(' ', text.length / 2);
    const claim = (stop: string, shown: string, stopReason: Header['stopReason']) => {
      const body = JSON.parse(new TextDecoder().decode(served.message.request));
      const header: Header = { ...served.header, stopReason };
      return audit(
        {
          ...served,
          message: { ...served.message, request: utf8Encode(JSON.stringify({ ...body, stop })) } as GenerateRequest,
          header,
          opening: { ...served.opening, header: encodeHeader(header) },
          record: { ...served.record, responseHash: hashResponse(crypto, served.opening.blind, utf8Encode(shown)) },
        },
        verifier,
      );
    };
    for (const [stop, shown, stopReason] of [
      ['never said', text, 'stop-string'],
      [text.slice(at, at + 3), text.slice(0, at), 'stop-string'],
      [text.slice(at, at + 3), text, 'length'],
    ] as const) {
      const { verdict } = await claim(stop, shown, stopReason);
      expect(verdict.outcome).toBe('reject');
      expect(verdict.checks.find(({ id }) => id === 'response-text')).toMatchObject({ status: 'fail' });
    }
  });

  it('makes the prompt from the request, whatever the header says', async () => {
    const verifier = await start();
    const served = await serve();
    const request = utf8Encode(new TextDecoder().decode(served.message.request).replace('Once', 'Twice'));
    const { verdict } = await audit(
      { ...served, message: { ...served.message, request } as GenerateRequest },
      verifier,
    );
    expect(verdict.outcome).toBe('reject');
    expect(verdict.checks.find(({ id }) => id === 'prompt-tokens')).toMatchObject({ status: 'fail' });
  });

  it('refutes an answer to a request that the model cannot take, instead of refusing the job', async () => {
    const verifier = await start();
    const served = await serve();
    const body = JSON.parse(new TextDecoder().decode(served.message.request));
    const request = utf8Encode(JSON.stringify({ ...body, logit_bias: { 999999: 5 } }));
    const { verdict } = await audit(
      { ...served, message: { ...served.message, request } as GenerateRequest },
      verifier,
    );
    expect(verdict.outcome).toBe('reject');
    expect(verdict.checks.find(({ id }) => id === 'vocabulary')).toMatchObject({ status: 'fail' });
  });

  async function refusalOf(call: Promise<unknown>): Promise<LinkError> {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LinkError);
    return error as LinkError;
  }

  it('answers registered validators only', async () => {
    const verifier = await start();
    const job = makeJob(await serve());
    const stranger = await verifier.connect(4);
    expect((await refusalOf(stranger.service(VerifierService).commit(job))).code).toBe('unauthorized');
    await verifier.client.service(VerifierService).commit(job);
  });

  it('refuses what is malformed, out of range or too large', async () => {
    const { client } = await start();
    const job = makeJob(await serve());
    const shown = readTextClaim(job);
    const token = (id: number) =>
      Uint8Array.from(shown.outputTokens, (byte, i) => (i < 4 ? (id >>> (8 * i)) & 255 : byte));
    const claim = (bend: Partial<TextClaim>) => ({ modality: 'text', claim: encodeTextClaim({ ...shown, ...bend }) });
    const cases: readonly [object, RegExp][] = [
      [{ jobId: new Uint8Array(15) }, /job id/],
      [{ sketchBankSeed: new Uint8Array(31) }, /bank seed/],
      [claim({ outputTokens: shown.outputTokens.subarray(1) }), /32-bit integers/],
      [claim({ outputTokens: new Uint8Array(0), listSizes: new Uint8Array(0) }), /32-bit integers/],
      [claim({ outputTokens: token(320) }), /outside the vocabulary/],
      [claim({ outputTokens: token(0xffffffff) }), /outside the vocabulary/],
      [claim({ listSizes: shown.listSizes.subarray(1) }), /list sizes/],
      [claim({ shapeClasses: shown.listSizes.subarray(1) }), /shape classes/],
      [claim({ shapeClasses: new Uint8Array(0) }), /shape classes/],
      [claim({ listSizes: shown.listSizes.map((size, i) => (i === 2 ? 65 : size)) }), /1\.\.64/],
      [claim({ listSizes: shown.listSizes.map((size, i) => (i === 2 ? 0 : size)) }), /1\.\.64/],
      [{ modality: 'embedding', claim: new Uint8Array(0) }, /shows no text/],
      [{ modality: '' }, /shows no text/],
      [{ claim: job.claim.subarray(1) }, /text-claim/],
      [{ modelRoot: new Uint8Array(31) }, /model root has 32 bytes/],
      [{ modelRoot: new Uint8Array(32) }, /no model of root 00.* runs here/],
      [{ header: job.header.subarray(1) }, /header/],
      [{ request: utf8Encode('{') }, /JSON/],
      [{ endpoint: 'poem' }, /endpoint/],
      [{ timeoutMs: 0 }, /deadline/],
    ];
    for (const [bend, expected] of cases) {
      const error = await refusalOf(client.service(VerifierService).commit({ ...job, ...bend }));
      expect(error.message).toMatch(expected);
      expect(error.code).toBe('remote');
    }
    const huge = await refusalOf(
      client.service(VerifierService).commit({ ...job, request: new Uint8Array(3_900_000) }),
    );
    expect(huge.message).toMatch(/at most 1048576 bytes/);
  });

  it('answers about a reply that exceeds its context', async () => {
    const { client } = await start({ contextSize: 48 });
    const { digest } = await client.service(VerifierService).commit(makeJob(await serve()));
    expect(digest).toHaveLength(32);
  });

  it('covers each field of a job by its commitment, refuses it, or does not depend on it', async () => {
    const verifier = await start();
    const job = makeJob(await serve());
    const service = verifier.client.service(VerifierService);
    const { digest } = await service.commit(job);
    const header = parseHeader(job.header);
    const shown = readTextClaim(job);
    const bends = {
      jobId: [{ jobId: new Uint8Array(16).fill(9) }, 'another commitment'],
      modelRoot: [{ modelRoot: new Uint8Array(32) }, 'refused'],
      request: [{ request: utf8Encode(`${utf8Decode(job.request)} `) }, 'another commitment'],
      endpoint: [{ endpoint: 'embedding' }, 'refused'],
      header: [{ header: encodeHeader({ ...header, numericClass: 'other' }) }, 'another commitment'],
      sketchBankSeed: [{ sketchBankSeed: new Uint8Array(32).fill(9) }, 'another commitment'],
      timeoutMs: [{ timeoutMs: 19_000 }, 'the same commitment'],
      validator: [{ validator: new Uint8Array(20).fill(9) }, 'another commitment'],
      modality: [{ modality: 'embedding' }, 'refused'],
      claim: [{ claim: encodeTextClaim({ ...shown, listSizes: shown.listSizes.with(0, 1) }) }, 'another commitment'],
      blobs: [{ blobs: [new Uint8Array(64)] }, 'refused'],
      media: [{ media: [new Uint8Array(64)] }, 'refused'],
    } satisfies Record<Exclude<keyof ScoreRequest, '$typeName' | '$unknown'>, readonly [object, string]>;
    const found = Object.entries(bends).map(async ([name, [bent]]) => {
      const answer = await service.commit({ ...job, ...bent }).catch(() => undefined);
      if (answer === undefined) return [name, 'refused'];
      return [name, equalBytes(answer.digest, digest) ? 'the same commitment' : 'another commitment'];
    });
    const expected = Object.entries(bends).map(([name, [, outcome]]) => [name, outcome]);
    expect(await Promise.all(found)).toEqual(expected);
  });

  it('says that a job is not done yet, goes on with it, and answers it when it is asked again', async () => {
    const pass = Promise.withResolvers<void>();
    let passes = 0;
    const count = (waits?: Promise<void>) => async (): Promise<void> => {
      passes++;
      await waits;
    };
    const job = { ...makeJob(await serve()), timeoutMs: 200 };
    const quick = await start({ beforePass: count() });
    await quick.client.service(VerifierService).commit({ ...job, timeoutMs: 20_000 });
    const needed = passes;
    passes = 0;
    const { client, connect } = await start({ beforePass: count(pass.promise) });
    const early = await refusalOf(client.service(VerifierService).commit(job));
    expect(early).toMatchObject({ refusal: 'unavailable', isAnswer: true });
    expect(early.message).toMatch(/not done yet/);
    const validator = (await makeIdentity(VALIDATOR)).id.slice(0, 20);
    const witness = (await connect(OTHER_VALIDATOR)).service(VerifierService);
    const asked = [client.service(VerifierService).commit({ ...job, timeoutMs: 20_000 })];
    asked.push(witness.commit({ ...job, timeoutMs: 20_000, validator }));
    pass.resolve();
    const [first, second] = await Promise.all(asked);
    expect(second?.digest).toEqual(first?.digest);
    expect(passes).toBe(needed);
  });

  describe('bound to what it committed to', () => {
    async function committed(path?: string) {
      const verifier = await start({}, {}, path);
      const job = makeJob(await serve());
      const service = verifier.client.service(VerifierService);
      const commitment = await service.commit(job);
      return { verifier, job, service, commitment };
    }
    const other = new Uint8Array(32).fill(9);

    it('answers the same job with the same commitment, and another job under its id with another one', async () => {
      const { job, service, commitment } = await committed();
      expect((await service.commit({ ...job, timeoutMs: 9_000 })).digest).toEqual(commitment.digest);
      const shown = readTextClaim(job);
      const listSizes = shown.listSizes.map((size, i) => (i === 0 ? size - 1 : size));
      const claim = encodeTextClaim({ ...shown, listSizes });
      expect((await service.commit({ ...job, claim })).digest).not.toEqual(commitment.digest);
      const round = [commitment.digest, other];
      expect((await reveal(service, { jobId: job.jobId, round })).report.length).toBeGreaterThan(0);
    });

    it('opens over one round only, as often as it is asked', async () => {
      const { job, service, commitment } = await committed();
      const round = [other, commitment.digest];
      const { jobId } = job;
      const first = await reveal(service, { jobId, round });
      expect((await reveal(service, { jobId, round })).report).toEqual(first.report);
      for (const bent of [[commitment.digest], [commitment.digest, other], [...round, other]]) {
        const { salt, openedRound } = await reveal(service, { jobId, round: bent });
        expect([salt.length, openedRound?.round]).toEqual([0, round]);
        expect(openedRound?.word).toEqual(nameTestRound((await makeIdentity(VALIDATOR)).id, { jobId, round }).word);
      }
    });

    it('opens nothing over a round without its commitment, or with it twice', async () => {
      const { job, service, commitment } = await committed();
      const { jobId } = job;
      const { digest } = commitment;
      for (const round of [[], [other], [digest, digest], [digest.subarray(1)], Array(5).fill(digest)]) {
        expect((await refusalOf(service.reveal({ jobId, round }))).refusal).toBe('invalid');
      }
      expect((await refusalOf(service.reveal({ jobId: other, round: [digest] }))).refusal).toBe('invalid');
    });

    it('shows a report to the validator that asked for it, and to no other', async () => {
      const { verifier, job, commitment } = await committed();
      const { jobId } = job;
      const second = (await verifier.connect(OTHER_VALIDATOR)).service(VerifierService);
      expect((await refusalOf(second.reveal({ jobId, round: [commitment.digest] }))).refusal).toBe('not-found');
      expect((await second.commit(job)).digest).not.toEqual(commitment.digest);
    });

    it('is bound by what it answers a witness, whatever else that one asks for in the name of the validator', async () => {
      const verifier = await start();
      const [own, witness] = [verifier.client, await verifier.connect(OTHER_VALIDATOR)];
      const service = witness.service(VerifierService);
      const validator = (await makeIdentity(VALIDATOR)).id.slice(0, 20);
      const job = makeJob(await serve());
      await service.commit({ ...job, sketchBankSeed: other, validator });
      const { digest } = await service.commit({ ...job, validator });
      expect((await own.service(VerifierService).commit(job)).digest).toEqual(digest);
      const { jobId } = job;
      expect((await refusalOf(service.reveal({ jobId, round: [digest] }))).refusal).toBe('not-found');
      expect((await reveal(own.service(VerifierService), { jobId, round: [digest] })).salt).toHaveLength(32);
    });

    it('opens to a witness with the signature of the validator that owns the job, and over no round without one', async () => {
      const { verifier, job, commitment } = await committed();
      const witness = (await verifier.connect(OTHER_VALIDATOR)).service(VerifierService);
      const { id } = await makeIdentity(VALIDATOR);
      const validator = id.slice(0, 20);
      const { jobId } = job;
      const named = nameTestRound(id, { jobId, round: [commitment.digest, other] });
      const ownWord = nameTestRound((await makeIdentity(OTHER_VALIDATOR)).id, named);
      for (const word of [new Uint8Array(0), new Uint8Array(65), ownWord.word]) {
        const error = await refusalOf(witness.reveal({ ...named, validator, word }));
        expect(error.refusal).toBe('precondition');
      }
      const early = witness.reveal({ ...named, round: [commitment.digest], validator });
      expect((await refusalOf(early)).refusal).toBe('precondition');
      const opened = await witness.reveal({ ...named, validator });
      expect(opened.report.length).toBeGreaterThan(0);
      const service = verifier.client.service(VerifierService);
      expect((await service.reveal(named)).report).toEqual(opened.report);
      expect((await refusalOf(service.reveal({ ...named, word: new Uint8Array(0) }))).refusal).toBe('precondition');
    });

    it('takes no name from somebody that is no validator, and none that is no address', async () => {
      const guest = (await makeIdentity(77)).id;
      const verifier = await start({}, { calibrateWith: [guest] });
      const job = makeJob(await serve());
      const stranger = (await verifier.connect(77)).service(VerifierService);
      const named = { ...job, validator: new Uint8Array(20).fill(1) };
      expect((await refusalOf(stranger.commit(named))).refusal).toBe('precondition');
      const wrong = verifier.client.service(VerifierService).commit({ ...job, validator: new Uint8Array(19) });
      expect((await refusalOf(wrong)).refusal).toBe('invalid');
    });

    it('keeps its commitment after a restart', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'ogong-verifier-'));
      closing.push(async () => rmSync(directory, { recursive: true }));
      const path = join(directory, 'verifier.db');
      const { verifier, job, service, commitment } = await committed(path);
      const { jobId } = job;
      const round = [commitment.digest, other];
      const before = await reveal(service, { jobId, round });
      await verifier.stop();
      const again = (await start({}, {}, path)).client.service(VerifierService);
      expect((await again.commit(job)).digest).toEqual(commitment.digest);
      expect((await reveal(again, { jobId, round: [commitment.digest] })).openedRound?.round).toEqual(round);
      const after = await reveal(again, { jobId, round });
      expect([after.salt, after.report]).toEqual([before.salt, before.report]);
    });

    it('forgets a report after its time', async () => {
      const verifier = await start({}, { reportTtlMs: -1 });
      const service = verifier.client.service(VerifierService);
      const served = await serve();
      const [first, second] = [makeJob(served), makeJob(served)];
      const { digest } = await service.commit(first);
      await service.commit(second);
      const late = service.reveal({ jobId: first.jobId, round: [digest] });
      expect((await refusalOf(late)).refusal).toBe('not-found');
    });
  });
});
