import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { hashTokens } from '@ogong/protocol/modality/text/commitment/header';
import { cutPosition, parseDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { type SignedTrace, signTrace, type TraceReport } from '@ogong/protocol/modality/text/stage2/trace-report';
import { verifyDivergence } from '@ogong/protocol/modality/text/stage2/verify-divergence';
import { bendWindows, SYNTHETIC_CLASS } from '@ogong/testing/synthetic/synthetic-divergence';
import { createTestValidator, ledger, payer, provider, providerId } from '@ogong/testing/validator/test-bench';
import { answerHonestly, type TestVerifiers } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { createTestOrder, type TestReply } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';
import { describeDivergence, readDivergence } from '../store/divergence-store.ts';
import { createDisputes } from './dispute.ts';
import type { TraceCalls } from './dispute-state.ts';
import { readDispute } from './read-dispute.ts';

const AT = 17;
const HEADER = { tier: 'replay', method: 'exact-replay', numericClass: SYNTHETIC_CLASS };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const nameOf = (endpoint: unknown): string => String(endpoint).replace(/:1$/, '');

/** The values that a machine computes: stages named by their block from `brokenFrom` on. */
function traceOf(
  { reply }: TestReply,
  windows: readonly WindowBytes[],
  brokenFrom: number,
  position: number,
): TraceReport {
  return {
    recordHash: crypto.sha256(reply.recordBytes),
    modelRoot: reply.record.modelRoot,
    numericClass: SYNTHETIC_CLASS,
    exact: true,
    promptTokensHash: reply.header.promptTokensHash,
    outputTokensHash: reply.header.outputTokensHash,
    position,
    row: cutPosition(reply.header, windows, position),
    stages: Array.from({ length: 9 }, (_, i) => crypto.sha256(Uint8Array.of(i, i >= brokenFrom ? 1 : 0))),
  };
}

/**
 * A rejected reply of tier replay. Its verifiers compute other values than the commitment from position 17 on. The
 * provider's computation differs from theirs in block 2.
 */
async function reject(
  verifiers: readonly string[],
  options: {
    readonly header?: object;
    readonly asks?: Partial<Record<string, () => Promise<SignedTrace>>>;
    readonly isHonest?: boolean;
    /** A verifier whose values differ from those of the others. */
    readonly contradicts?: string;
  } = {},
) {
  const served = new Map<string, TestReply>();
  const answers: TestVerifiers = (peer, job) => {
    const [one] = [...served.values()] as [TestReply];
    const at = nameOf(peer.endpoint) === options.contradicts ? AT + 1 : AT;
    return answerHonestly(served, options.isHonest ? {} : { windows: bendWindows(one.reply, at) })(peer, job);
  };
  const validator = createTestValidator({ verifiers: answers });
  const errors: string[] = [];
  const trace =
    (name: string, signer: HybridSigner, windows: (reply: TestReply) => readonly WindowBytes[], from: number) =>
    async (position: number): Promise<SignedTrace> => {
      const [one] = [...served.values()] as [TestReply];
      return options.asks?.[name]?.() ?? signTrace(signer, traceOf(one, windows(one), from, position));
    };
  const calls: TraceCalls = {
    provider: (_peer, { position }) => trace('provider', provider, ({ reply }) => reply.opening.windows, 3)(position),
    verifier: ({ endpoint }, { position }) => {
      const name = nameOf(endpoint);
      return trace(name, createTestHybrid(name), ({ reply }) => bendWindows(reply, AT), 99)(position);
    },
  };
  const disputes = createDisputes({
    crypto,
    store: validator.store,
    group: validator.group,
    fixedVerifier: undefined,
    callTimeoutMs: 1_000,
    calls,
    onError: (error) => errors.push((error as Error).message),
  });
  closing.push(async () => {
    await disputes.stop();
    await validator.close();
  });
  await validator.announce(provider);
  for (const name of verifiers) await validator.announceVerifier(name);
  const order = createTestOrder({
    ...{ payer, ledger, provider, index: 1, epoch: validator.archive.latest().epoch },
    validator: validator.signer.address,
    expiresAtMs: validator.clock.nowMs() + 120_000,
    model: `ogong/${(options.header as { tier?: string })?.tier ?? 'replay'}/test/synthetic`,
  });
  await validator.intake.admit(order);
  const reply = validator.serve(order, { bend: { header: (header) => ({ ...header, ...HEADER, ...options.header }) } });
  served.set('only', reply);
  await validator.intake.pushRecord(reply.submission);
  await validator.certify();
  await validator.runAudits();
  await validator.runSittings();
  const [entry] = validator.decided as [(typeof validator.decided)[number]];
  disputes.notice(entry);
  await disputes.idle();
  const row = validator.store.read(() => readDivergence(validator.store, order.fields.replyId));
  const disputed = { providerId, record: reply.reply.recordBytes, opening: reply.reply.opening };
  const { replyId } = order.fields;
  const read = () => validator.store.read(() => readDispute(crypto, validator.store, replyId));
  return { entry, row, errors, disputed, disputes, read, reply };
}

const idOf = (name: string): string => toHex(hashHybridKey(crypto, createTestHybrid(name).publicKey));

describe('the subject of a dispute', () => {
  it('is read from the verdict: the claim, its tokens, and the reports that differ from it', async () => {
    const { read, reply } = await reject(['v1', 'v2']);
    const { record, header, opening, outputTokens, listSizes, shapeClasses, reports } = read()!;
    expect(record).toEqual(reply.reply.recordBytes);
    expect(hashTokens(crypto, opening.blind, outputTokens)).toEqual(header.outputTokensHash);
    expect([listSizes.length, shapeClasses.length]).toEqual([header.outputTokenCount, header.outputTokenCount]);
    expect(reports.map(({ verifierId }) => toHex(verifierId)).sort()).toEqual(['v1', 'v2'].map(idOf).sort());
  });

  it('leaves out a report that the others contradict', async () => {
    const { read } = await reject(['v1', 'v2', 'v3'], { contradicts: 'v2' });
    expect(
      read()!
        .reports.map(({ verifierId }) => toHex(verifierId))
        .sort(),
    ).toEqual(['v1', 'v3'].map(idOf).sort());
  });

  it('is nothing if no report differs, and in a tier without disputes', async () => {
    expect((await reject(['v1'], { isHonest: true })).read()).toBeUndefined();
    const verified = { tier: 'verified', method: 'draw-replay' };
    expect((await reject(['v1', 'v2'], { header: verified })).read()).toBeUndefined();
  });
});

describe('a reject in tier replay', () => {
  it('leaves evidence of position and layer that the second verifier confirms', async () => {
    const { entry, row, errors, disputed } = await reject(['v1', 'v2']);
    expect(entry).toMatchObject({ verdict: 'reject', feeAtomic: 0n });
    expect(errors).toEqual([]);
    expect(row).toMatchObject({ side: 'verifier', layer: 'block 2' });
    expect(describeDivergence(row!)).toEqual({ position: AT, side: 'verifier', layer: 'block 2' });
    const again = verifyDivergence(crypto, parseDivergence(row!.evidence), { disputed, third: row!.third! });
    expect(again).toMatchObject({ side: 'verifier', stage: 3 });
  });

  it('leaves unproven evidence if one verifier reported alone', async () => {
    const { entry, row } = await reject(['v1']);
    expect(entry.verdict).toBe('reject');
    expect(row).toMatchObject({ side: 'unproven', third: undefined, layer: 'block 2' });
  });

  it('names no layer if the provider is silent', async () => {
    const { row, errors } = await reject(['v1', 'v2'], {
      asks: { provider: () => Promise.reject(new Error('silence')) },
    });
    expect(errors).toEqual(['silence']);
    expect(row).toMatchObject({ side: 'verifier', layer: undefined });
    expect(parseDivergence(row!.evidence).provider).toBeUndefined();
  });

  it('leaves nothing if no verifier stands by its report, and says why', async () => {
    const silent = () => Promise.reject(new Error('no trace'));
    const { row, errors } = await reject(['v1', 'v2'], { asks: { v1: silent, v2: silent } });
    expect(row).toBeUndefined();
    expect(errors).toEqual(['no trace', 'no trace']);
  });

  it.each(['v1', 'v2'])('goes by the other verifier if %s does not answer', async (name) => {
    const { row, errors } = await reject(['v1', 'v2'], {
      asks: { [name]: () => Promise.reject(new Error('no trace')) },
    });
    expect(errors).toEqual(['no trace']);
    expect(row).toMatchObject({ side: 'unproven', third: undefined, layer: 'block 2' });
  });

  it('is the only verdict that is looked into', async () => {
    expect((await reject(['v1'], { isHonest: true })).row).toBeUndefined();
    const verified = { tier: 'verified', method: 'draw-replay' };
    const { entry, row } = await reject(['v1', 'v2'], { header: verified });
    expect(entry.verdict).toBe('reject');
    expect(row).toBeUndefined();
  });

  it('is looked into once it is noticed, and not after the validator has stopped', async () => {
    const { entry, disputes, errors } = await reject(['v1', 'v2']);
    await disputes.stop();
    disputes.notice(entry);
    disputes.notice({ replyId: new Uint8Array(16), verdict: 'reject' });
    await disputes.idle();
    expect(errors).toEqual([]);
    expect(toHex(entry.replyId)).toHaveLength(32);
  });
});
