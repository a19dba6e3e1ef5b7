import { randomBytes } from 'node:crypto';
import { ChainError, type ChainErrorCode } from '@ogong/chain/errors';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLinkClient } from '@ogong/host/link/link-client';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkServer } from '@ogong/host/link/link-server';
import { createLadder } from '@ogong/host/link/reach/ladder';
import { createReachability } from '@ogong/host/link/reach/reachability';
import { createRelayPayer, type RelayPayerOptions } from '@ogong/host/link/reach/relay-payer';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { createWriter, toHex } from '@ogong/protocol/base/bytes';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import {
  computeRelayFee,
  GIB,
  parseRelayVoucher,
  type RelayVoucher,
  type SignedRelayVoucher,
  signRelayVoucher,
} from '@ogong/protocol/exchange/relay/relay-voucher';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { startTestRelay } from '@ogong/testing/relay/test-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { redeemVouchers } from './redeem-vouchers.ts';
import {
  closeVoucher,
  createRelayPayments,
  listOpenVouchers,
  RELAY_SCHEMA,
  type RelayPrice,
  settleVoucher,
} from './relay-payments.ts';

const fill = (value: number, length = 20): Uint8Array => new Uint8Array(length).fill(value);
const token = { chainId: 31_337n, verifyingContract: fill(9) };
const payer = createNobleLedgerSigner(fill(3, 32));
const NOW = 1_800_000_000_000;
/** One atomic unit for a byte. */
const PRICE: RelayPrice = { payee: fill(7), pricePerGibAtomic: 1n << 30n, creditBytes: 20_000n, token };
const NODE = fill(1, 32);

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function openPayments(balance = 10n ** 18n, balanceOf = async () => balance, used: Set<string> = new Set()) {
  const store: Store = openStore(':memory:', { schema: RELAY_SCHEMA });
  const group = createGroupCommit(store, { maxDelayMs: 0 });
  closers.push(async () => {
    await group.close();
    store.close();
  });
  const clock = { nowMs: () => NOW };
  return {
    store,
    payments: createRelayPayments(PRICE, {
      ...{ crypto, clock, store, group, balanceOf },
      isNonceUsed: async (_payer, nonce) => used.has(toHex(nonce)),
      blockNumber: async () => 1n,
    }),
  };
}

function voucher(bend: Partial<RelayVoucher & { token: typeof token }> = {}, by = payer): SignedRelayVoucher {
  const validBeforeS = NOW / 1000 + 30 * 86_400;
  return signRelayVoucher(crypto, by, {
    token,
    payee: PRICE.payee,
    valueAtomic: 5_000n,
    validBeforeS,
    nonce: fill(4, 32),
    ...bend,
  });
}

const payerOptions = (bend: Partial<RelayPayerOptions> = {}): RelayPayerOptions => ({
  ...{ signer: payer, token, maxPricePerGibAtomic: PRICE.pricePerGibAtomic, nowMs: () => NOW },
  randomBytes: () => new Uint8Array(randomBytes(32)),
  maxPerDayAtomic: 10n ** 18n,
  ...bend,
});

describe('vouchers for a relay', () => {
  it('cover bytes beyond the credit, and replace each other under one nonce', async () => {
    const { store, payments } = openPayments();
    expect([payments.isCovered(NODE, 20_000n), payments.isCovered(NODE, 20_001n)]).toEqual([true, false]);
    await payments.take(NODE, voucher());
    await payments.take(NODE, voucher({ valueAtomic: 8_000n }));
    expect([payments.isCovered(NODE, 28_000n), payments.isCovered(NODE, 28_001n)]).toEqual([true, false]);
    expect(payments.isCovered(fill(2, 32), 20_001n)).toBe(false);
    expect(listOpenVouchers(store)).toMatchObject([{ valueAtomic: 8_000n, payer: payer.address }]);
  });

  it.each<[string, string, () => SignedRelayVoucher]>([
    [
      'of somebody else',
      'not signed by its payer',
      () => ({
        ...voucher({}, createNobleLedgerSigner(fill(8, 32))),
        voucher: voucher({ valueAtomic: 8_000n }).voucher,
      }),
    ],
    [
      'for another payee',
      'not signed by its payer for this payee',
      () => voucher({ payee: fill(6), valueAtomic: 8_000n }),
    ],
    [
      'in another token',
      'not signed by its payer',
      () => voucher({ token: { ...token, chainId: 1n }, valueAtomic: 8_000n }),
    ],
    ['that ends soon', 'ends within a week', () => voucher({ validBeforeS: NOW / 1000 + 86_400, valueAtomic: 8_000n })],
    ['over less than the one before', 'does not follow', () => voucher({ valueAtomic: 4_999n })],
    ['of a nonce that was redeemed', 'draw another nonce', () => voucher({ nonce: fill(5, 32), valueAtomic: 2_500n })],
    ['that adds less than its check costs', '2500 are the least', () => voucher({ valueAtomic: 7_499n })],
    ['with a byte more', 'voucher: ', () => ({ ...voucher(), voucher: Uint8Array.of(...voucher().voucher, 0) })],
    [
      'beyond what its payer holds',
      'its vouchers are over',
      () => voucher({ nonce: fill(6, 32), valueAtomic: 10n ** 18n }),
    ],
  ])('are refused %s', async (_name, why, make) => {
    const { store, payments } = openPayments();
    await payments.take(NODE, voucher());
    await payments.take(NODE, voucher({ nonce: fill(5, 32), valueAtomic: 2_500n }));
    closeVoucher(store, fill(5, 32), 0n);
    await expect(payments.take(NODE, make())).rejects.toThrow(why);
    expect(payments.isCovered(NODE, 27_501n)).toBe(false);
  });

  it('that come twice count once', async () => {
    const { payments } = openPayments();
    await payments.take(NODE, voucher());
    await payments.take(NODE, voucher());
    expect(payments.isCovered(NODE, 25_000n)).toBe(true);
    expect(payments.isCovered(NODE, 25_002n)).toBe(false);
  });

  it('that follow one that was redeemed are refused, and what lies between is forgiven once, up to half the credit', async () => {
    const { store, payments } = openPayments();
    await payments.take(NODE, voucher());
    closeVoucher(store, fill(4, 32), 0n);
    for (let i = 0; i < 3; i++) {
      await expect(payments.take(NODE, voucher({ valueAtomic: 10n ** 9n }))).rejects.toThrow('draw another nonce');
    }
    const most = PRICE.creditBytes + 5_000n + PRICE.creditBytes / 2n;
    expect([payments.isCovered(NODE, most), payments.isCovered(NODE, most + 1n)]).toEqual([true, false]);
  });

  it('that come at once are over no more than their payer holds, and no more than may be open', async () => {
    for (const [balance, most] of [
      [12_000n, 2],
      [10n ** 18n, 64],
    ] as const) {
      const { store, payments } = openPayments(balance);
      const vouchers = Array.from({ length: 100 }, (_, i) => voucher({ nonce: fill(i + 10, 32) }));
      await Promise.allSettled(vouchers.map((each) => payments.take(NODE, each)));
      expect(listOpenVouchers(store)).toHaveLength(most);
      expect(payments.isCovered(NODE, PRICE.creditBytes + BigInt(most) * 5_000n + 1n)).toBe(false);
    }
  });

  it('of a nonce that was redeemed, and that are forgiven nothing, cost no question to the chain', async () => {
    let asked = 0;
    const { store, payments } = openPayments(0n, async () => {
      asked++;
      return 10n ** 18n;
    });
    await payments.take(NODE, voucher());
    closeVoucher(store, fill(4, 32), 0n);
    const taken: [Uint8Array, SignedRelayVoucher][] = [
      [NODE, voucher({ valueAtomic: 1n })],
      [NODE, voucher()],
      [fill(2, 32), voucher({ valueAtomic: 10n ** 9n })],
      [NODE, voucher({ valueAtomic: 10n ** 9n }, createNobleLedgerSigner(fill(8, 32)))],
    ];
    for (const [node, { voucher: bytes }] of taken) {
      // It is refused before anybody looks at the signature.
      const unsigned = { ...voucher(), voucher: bytes, signature: fill(0, 65) };
      await expect(payments.take(node, unsigned)).rejects.toThrow('draw another nonce');
    }
    expect(asked).toBe(1);
  });

  it("with a nonce that the payer cancelled are refused, and count only as the payer's debt", async () => {
    const used = new Set<string>();
    const { store, payments } = openPayments(12_000n, undefined, used);
    await payments.take(NODE, voucher());
    expect(payments.paidBytes(NODE)).toBe(5_000n);
    used.add(toHex(fill(4, 32)));
    for (let i = 0; i < 2; i++) {
      await expect(payments.take(NODE, voucher({ valueAtomic: 9_000n }))).rejects.toThrow('cancelled it');
    }
    expect([payments.isCovered(NODE, 20_000n), payments.isCovered(NODE, 20_001n)]).toEqual([true, false]);
    expect(payments.paidBytes(NODE)).toBe(0n);
    // Found out at the latest when it is redeemed. An amount that is held for one payer is not held for another.
    closeVoucher(store, fill(4, 32), 0n);
    settleVoucher(store, fill(4, 32), 'cancelled');
    const next = { nonce: fill(5, 32), valueAtomic: 9_000n };
    await expect(payments.take(NODE, voucher(next))).rejects.toThrow('its vouchers are over 14000');
    await expect(payments.take(NODE, voucher({ valueAtomic: 9_000n }))).rejects.toThrow('draw another nonce');
    // Nothing is forgiven of it.
    expect(payments.isCovered(NODE, 20_001n)).toBe(false);
    // A nonce that was cancelled before counts for nothing.
    used.add(toHex(fill(6, 32)));
    await expect(payments.take(NODE, voucher({ nonce: fill(6, 32) }))).rejects.toThrow('cancelled it');
    expect(payments.paidBytes(NODE)).toBe(0n);
  });

  it('of one node count for no other one', async () => {
    const { payments } = openPayments();
    await payments.take(NODE, voucher());
    await expect(payments.take(fill(2, 32), voucher({ valueAtomic: 8_000n }))).rejects.toThrow('does not follow');
  });
});

describe('vouchers that are redeemed', () => {
  /** @param fails the error of submitting; undefined if the token accepts it. */
  async function redeem(store: Store, fails?: ChainErrorCode) {
    const client = { getBlockNumber: async () => 1n, readContract: async () => false };
    const transactor = {
      read: async (_: string, call: (reader: object) => unknown) => call(client),
      send: async () => {
        if (fails !== undefined) throw new ChainError(fails, `it fails: ${fails}`);
      },
    };
    const dependencies = { store, transactor: transactor as never, token: '0x09', payee: PRICE.payee } as const;
    return (await redeemVouchers(dependencies, { leastAtomic: 1n })).map(({ outcome }) => outcome);
  }

  it.each<[ChainErrorCode, outcome: string]>([
    ['reverted', 'refused'],
    ['no-coin', 'refused'],
    ['timeout', 'unknown'],
    ['rpc-unreachable', 'unknown'],
  ])('are open again only where nothing was sent: %s', async (code, outcome) => {
    const { store, payments } = openPayments();
    await payments.take(NODE, voucher());
    expect(await redeem(store, code)).toEqual([outcome]);
    const better = payments.take(NODE, voucher({ valueAtomic: 8_000n }));
    if (outcome === 'unknown') await expect(better).rejects.toThrow('draw another nonce');
    else await better;
    // A voucher that may have been sent stays so after any result of the next attempt.
    expect(await redeem(store, 'no-coin')).toEqual([outcome]);
    expect(await redeem(store)).toEqual(['redeemed']);
    expect(await redeem(store)).toEqual([]);
  });
});

describe('a node that pays', () => {
  const terms = { ...openTerms(), $typeName: 'ogong.v1.RelayTerms' as const };
  function openTerms() {
    const { payments } = openPayments();
    return payments.terms;
  }

  it('pays what it counted itself, once, whatever the relay says that it redeemed', async () => {
    const nonces = new Map<string, bigint>();
    const relayPayer = createRelayPayer(crypto, payerOptions());
    relayPayer.meet(terms, 0n);
    for (let i = 1; i <= 40; i++) {
      const send = async (signed: SignedRelayVoucher) => {
        const { nonce, valueAtomic } = parseRelayVoucher(signed.voucher);
        nonces.set(nonce.join(), valueAtomic);
        // It says of each third one that its nonce is used up.
        if (i % 3 === 0) throw new LinkError('remote', 'redeemed', { refusal: 'conflict' });
      };
      await relayPayer.pay(BigInt(i) * 7_000n, send).catch(() => undefined);
    }
    const claimable = [...nonces.values()].reduce((sum, value) => sum + value, 0n);
    expect(nonces.size).toBeGreaterThan(5);
    expect(claimable).toBeLessThanOrEqual(computeRelayFee(280_000n, PRICE.pricePerGibAtomic));
  });

  it('pays for each byte the price at which it was carried', async () => {
    const at = (price: bigint) => ({ ...terms, pricePerGib: createWriter(16).u128(price).finish() });
    const relayPayer = createRelayPayer(crypto, payerOptions({ maxPricePerGibAtomic: 4n * GIB }));
    let paidAtomic = 0n;
    const pay = async (bytes: bigint): Promise<bigint> => {
      await relayPayer.pay(bytes, async ({ voucher }) => {
        paidAtomic = parseRelayVoucher(voucher).valueAtomic;
      });
      return paidAtomic;
    };
    relayPayer.meet(undefined, 0n);
    expect(await pay(100_000n)).toBe(0n);
    relayPayer.meet(at(GIB), 100_000n);
    expect(await pay(150_000n)).toBe(50_000n);
    relayPayer.meet(at(GIB), 160_000n);
    expect(await pay(200_000n)).toBe(100_000n);
    relayPayer.meet(at(4n * GIB), 210_000n);
    expect(await pay(300_000n)).toBe(110_000n + 4n * 90_000n);
  });

  it('pays a relay no more than the limit of a day', async () => {
    let nowMs = NOW;
    const options = payerOptions({ maxPerDayAtomic: 40_000n, maxPricePerGibAtomic: GIB, nowMs: () => nowMs });
    const relayPayer = createRelayPayer(crypto, options);
    relayPayer.meet({ ...terms, pricePerGib: createWriter(16).u128(GIB).finish() }, 0n);
    const values: bigint[] = [];
    const pay = (bytes: bigint) =>
      relayPayer.pay(bytes, async ({ voucher }) => void values.push(parseRelayVoucher(voucher).valueAtomic));
    await pay(30_000n);
    await pay(40_000n);
    await expect(pay(50_000n)).rejects.toThrow('raise --relay-max-day');
    await pay(60_000n);
    expect(values).toEqual([30_000n, 40_000n]);
    nowMs += 86_400_000;
    await pay(60_000n);
    expect(values).toEqual([30_000n, 40_000n, 60_000n]);
  });

  it.each([
    ['more than it pays', { maxPricePerGibAtomic: 1n }, /pays 1 at most/],
    ['to be paid in another token', { token: { ...token, chainId: 1n } }, /another token/],
  ] as const)('takes no relay that wants %s', (_name, bend, why) => {
    expect(() => createRelayPayer(crypto, payerOptions(bend)).meet(terms, 0n)).toThrow(why);
  });

  it('takes no relay that wants to be paid where it pays none, and no other payee in its middle', () => {
    expect(() => createRelayPayer(crypto, undefined).meet(terms, 0n)).toThrow(/pays 0 at most/);
    expect(() => createRelayPayer(crypto, undefined).meet(undefined, 0n)).not.toThrow();
    const met = createRelayPayer(crypto, payerOptions());
    met.meet(terms, 0n);
    expect(() => met.meet({ ...terms, payee: fill(8) }, 0n)).toThrow(/another payee/);
  });
});

describe('a relay that is paid', () => {
  /** A node behind it. */
  async function openNode(pays: RelayPayerOptions | undefined) {
    const { store, payments } = openPayments();
    const relay = await startTestRelay({ payments });
    closers.push(() => relay.stop());
    const identity = await makeIdentity(73);
    const models = [{ model: 'x'.repeat(4_000) }];
    const server = createLinkServer({
      ...{ identity, authorize: () => true },
      routes: (router) => router.service(RouterService, { listModels: () => ({ models }) }),
    });
    const errors: Error[] = [];
    const reachability = createReachability(
      { direct: () => undefined, relays: [{ ...relay.peer, dialPolicy: 'any' }] },
      { ...{ crypto, identity, accept: server.accept, payer: pays }, onError: (error) => errors.push(error as Error) },
    );
    reachability.start();
    closers.push(async () => {
      await reachability.stop();
      await server.stop(0);
    });
    await expect.poll(() => reachability.isReachable() || errors.length > 0).toBe(true);
    return {
      ...{ store, errors },
      /** Bytes that it counted itself. */
      count() {
        const { toNode = 0n, fromNode = 0n } = reachability.relays()[0]?.counted ?? {};
        return toNode + fromNode;
      },
      async connect(caller: number) {
        const client = createLinkClient({
          ...{ endpoint: { host: 'ladder.invalid', port: 1 }, identity: await makeIdentity(caller) },
          ...{
            certHash: identity.id,
            ladder: createLadder(reachability.endpoint(), identity.id, { dialPolicy: 'any' }),
          },
        });
        closers.push(() => client.close());
        return () => client.service(RouterService).listModels({});
      },
    };
  }

  it('carries on for a node that pays for what it counted', async () => {
    const { store, errors, count, connect } = await openNode(payerOptions());
    const call = await connect(74);
    const paid = () => listOpenVouchers(store).reduce((sum, { valueAtomic }) => sum + valueAtomic, 0n);
    for (let calls = 0; calls < 20; calls++) {
      await call();
      // It carries a part of the credit ahead, and no more.
      await expect.poll(() => count() - paid() < 10_000n).toBe(true);
    }
    expect(errors).toEqual([]);
    expect(count()).toBeGreaterThan(80_000n);
    expect(paid()).toBeGreaterThan(60_000n);
    expect(paid()).toBeLessThanOrEqual(computeRelayFee(count(), PRICE.pricePerGibAtomic));
  });

  it('is not used by a node that pays nobody', async () => {
    const { errors, connect } = await openNode(undefined);
    expect(errors[0]?.message).toContain('raise --relay-max-price');
    await expect((await connect(74))()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('cuts off a node that takes its credit and does not pay', async () => {
    const forged = payerOptions({ signer: { ...payer, signDigest: () => fill(0, 65) } });
    const { store, connect } = await openNode(forged);
    const call = await connect(74);
    const callOften = async () => {
      for (let calls = 0; calls < 20; calls++) await call();
    };
    await expect(callOften()).rejects.toMatchObject({ code: 'unreachable' });
    await expect((await connect(75))()).rejects.toThrow('no room');
    expect(listOpenVouchers(store)).toEqual([]);
  });
});
