import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { LinkError } from '@ogong/host/link/link-error';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { createTestClock, createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { createTestChain } from '@ogong/testing/validator/test-chain';
import { afterEach, describe, expect, it } from 'vitest';

const SECOND = 1_000;
const MINUTE = 60_000;
const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function messageOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}

describe('a provider whose clock is off', () => {
  async function serveWith(offsetMs: number) {
    const network = await createNetwork({ clock: { nowMs: () => Date.now() + offsetMs } });
    closing.push(network.close);
    return receive(network.client, network.order());
  }

  it.each([-20 * SECOND, 20 * SECOND])('by %i ms serves as ever', async (offsetMs) => {
    expect((await serveWith(offsetMs)).finished.record).toBeDefined();
  });

  it.each([
    [3 * MINUTE, /order has expired 1\d{5} ms ago, by this machine's clock/],
    [-3 * MINUTE, /ticket-issued: issued 1\d{5} ms in the future, by this machine's clock/],
  ])('by %i ms refuses orders and says that it is about clocks', async (offsetMs, words) => {
    const call = serveWith(offsetMs);
    expect(await messageOf(call)).toMatch(words);
    await call.catch((error: LinkError) => expect(error.refusal).toBe('precondition'));
  });
});

describe('a validator whose clock is off', () => {
  /** The gateway dates the order, and its clock is right. */
  async function admitWith(offsetMs: number) {
    const clock = createTestClock();
    const gatewayMs = clock.nowMs();
    const validator = createTestValidator({ clock });
    closing.push(validator.close);
    clock.advance(offsetMs);
    return validator.intake.admit(validator.order(1, { expiresAtMs: BigInt(gatewayMs + 120 * SECOND) }));
  }

  it.each([-3 * MINUTE, -20 * SECOND, 20 * SECOND])('by %i ms admits what is not over for it', async (offsetMs) => {
    expect(await admitWith(offsetMs)).toMatchObject({ epoch: 0n });
  });

  it.each([
    [3 * MINUTE, /order has expired 60000 ms ago, by this machine's clock/],
    [-9 * MINUTE, /by this machine's clock this one lives 660000/],
  ])('by %i ms refuses orders and says that it is about clocks', async (offsetMs, words) => {
    expect(await messageOf(admitWith(offsetMs))).toMatch(words);
  });

  it.each([
    [3 * MINUTE, /expired \d+ ms ago, by this machine's clock/],
    [-3 * MINUTE, /issued \d+ ms in the future, by this machine's clock/],
  ])('by %i ms refuses announcements and says that it is about clocks', async (offsetMs, words) => {
    const clock = createTestClock();
    const providerMs = clock.nowMs();
    const validator = createTestValidator({ clock });
    closing.push(validator.close);
    const times = { issuedAtMs: providerMs, expiresAtMs: providerMs + 30 * SECOND };
    clock.advance(offsetMs > 0 ? 20 * SECOND : -20 * SECOND);
    await validator.announce(provider, times);
    clock.advance(offsetMs);
    expect(await messageOf(validator.announce(provider, { ...times, sequence: 2n }))).toMatch(words);
  });
});

describe('a co-signer whose clock is behind', () => {
  it('signs the batch once its own clock has caught up, and loses nothing by it', async () => {
    const ahead = createTestClock();
    const behind = createTestClock();
    ahead.advance(3 * MINUTE);
    const chain = createTestChain();
    const slow = createTestValidator({ index: 1, clock: behind, chain });
    const own = createTestValidator({ clock: ahead, chain, members: () => [own, slow] });
    closing.push(slow.close, own.close);
    const order = own.order(1, { expiresAtMs: BigInt(ahead.nowMs() + SECOND) });
    await own.intake.admit(order);
    await Promise.all([own.certify(), slow.certify()]);
    // The slow one is the witness, and asks once the order has expired for it.
    for (let i = 0; i < 60 && own.decided.length === 0; i++) {
      for (const clock of [ahead, behind]) clock.advance(10 * SECOND);
      await own.runAudits();
    }
    expect(own.decided.map(({ verdict }) => verdict)).toEqual(['abandoned']);
    await expect(own.settlement.step()).rejects.toThrow();
    expect(own.chain.settled).toEqual([]);
    behind.advance(5 * MINUTE);
    expect(await own.settlement.step()).toBe(true);
    expect(own.chain.settled).toHaveLength(1);
  });
});

describe('a receipt that is checked by a clock that is off', () => {
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt({
    crypto,
    provider: createNodeHybridSigner(new Uint8Array(64).fill(1)),
    router: createNodeHybridSigner(new Uint8Array(64).fill(2)),
    payer: createNodeLedgerSigner(new Uint8Array(32).fill(3)),
    ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
    tokens: 8,
  });
  const timesBy = async (offsetMs: number) => {
    const { request, response } = reply;
    const { checks } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs: nowMs + offsetMs });
    return checks.find(({ id }) => id === 'times');
  };

  it.each([-20 * SECOND, 3 * MINUTE])('by %i ms passes', async (offsetMs) => {
    expect(await timesBy(offsetMs)).toMatchObject({ status: 'pass' });
  });

  it('by minutes into the past fails, and says that it is about clocks', async () => {
    expect(await timesBy(-3 * MINUTE)).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(/clock is wrong/),
    });
  });
});
