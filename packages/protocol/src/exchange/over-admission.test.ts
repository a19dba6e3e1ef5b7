import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vector from '../../vectors/over-admission.json' with { type: 'json' };
import { compareBytes, fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { ADMISSION_DOUBT_MS } from './limits.ts';
import { encodeOrder, hashOrder, parseOrder } from './order.ts';
import {
  computeCapacity,
  describeOverAdmission,
  encodeOverAdmission,
  findOverAdmission,
  hashOverAdmission,
  isConvicted,
  judgeOverAdmission,
  type OrderAdmission,
  type OverAdmission,
  parseOverAdmission,
} from './over-admission.ts';

const seed = 20261123;
const ledger = { chainId: BigInt(vector.chainId), verifyingContract: fromHex(vector.escrow) };
const createSigner = (value: number) => createNobleLedgerSigner(new Uint8Array(32).fill(value));
const [payer, signer, stranger] = [createSigner(0x42), createSigner(0x43), createSigner(0x44)];
const validator = fromHex(vector.validator);
const view = { ledger, signingKeys: [signer.address], capacityAtomic: 100n, convictedAtMs: 0n };
const START_MS = 1_700_000_000_000n;

const admit = (number: number, change: Partial<Parameters<typeof createOrderAdmission>[1]> = {}): OrderAdmission => {
  const admittedAtMs = START_MS + 10_000n * BigInt(number);
  const times = { admittedAtMs, expiresAtMs: admittedAtMs + 120_000n };
  return createOrderAdmission(crypto, {
    ledger,
    payer,
    validator,
    signer,
    number,
    maxFeeAtomic: 40n,
    ...times,
    ...change,
  });
};
/** Creates evidence with sorted orders. */
const collect = (orders: readonly OrderAdmission[], on = ledger): OverAdmission => {
  const hash = ({ order }: OrderAdmission): Uint8Array => hashOrder(crypto, on, parseOrder(order));
  return { orders: orders.toSorted((a, b) => compareBytes(hash(a), hash(b))) };
};
const failures = (evidence: OverAdmission, change: Partial<typeof view> = {}): string[] =>
  judgeOverAdmission(crypto, { ...view, ...change }, evidence)
    .filter(({ status }) => status === 'fail')
    .map(({ id }) => id);

describe('evidence that a validator admitted more than a channel held', () => {
  const evidence = parseOverAdmission(fromHex(vector.evidence));

  it('has the bytes, the hash and the verdict of the vector', () => {
    expect(collect([admit(0), admit(1), admit(2)])).toEqual(evidence);
    expect(toHex(encodeOverAdmission(evidence))).toBe(vector.evidence);
    expect(toHex(hashOverAdmission(crypto, evidence))).toBe(vector.hash);
    const checks = judgeOverAdmission(crypto, view, evidence);
    expect(checks.map(({ id, status }) => ({ id, status }))).toEqual(vector.checks);
    expect(isConvicted(checks)).toBe(true);
    expect(describeOverAdmission(evidence)).toEqual({
      ...{ payer: payer.address, validator, heldAtomic: 120n },
      ...{ firstMs: BigInt(vector.firstTime), lastMs: BigInt(vector.lastTime) },
    });
  });

  const [first, second, third] = [admit(0), admit(1), admit(2)] as const;
  const bend = (change: Partial<OrderAdmission>): OverAdmission => ({
    orders: evidence.orders.map((order, i) => (i === 0 ? { ...order, ...change } : order)),
  });
  const later = (order: OrderAdmission): OrderAdmission => ({
    ...order,
    admission: { ...order.admission, timeMs: order.admission.timeMs + 1n },
  });

  it.each<[string, string, OverAdmission, Partial<typeof view>]>([
    [
      'an edited order',
      'order-signatures',
      collect([{ ...first, order: encodeOrder({ ...parseOrder(first.order), maxFeeAtomic: 90n }) }, second, third]),
      {},
    ],
    ["another payer's signature", 'order-signatures', bend({ signature: second.signature }), {}],
    ['an edited time', 'admissions', { orders: evidence.orders.map(later) }, {}],
    ['an edited epoch', 'admissions', bend({ admission: { ...evidence.orders[0]!.admission, epoch: 8n } }), {}],
    ["a stranger's admission", 'admissions', collect([first, second, admit(2, { signer: stranger })]), {}],
    ['a key that never signed for the validator', 'admissions', evidence, { signingKeys: [stranger.address] }],
    ['no key at all', 'admissions', evidence, { signingKeys: [] }],
    ['an order twice', 'different-orders', { orders: [first, first, first] }, {}],
    ['orders that are not sorted', 'different-orders', { orders: evidence.orders.toReversed() }, {}],
    ["another payer's channel", 'one-channel', collect([first, second, admit(2, { payer: stranger })]), {}],
    [
      'a channel with another validator',
      'one-channel',
      collect([first, second, admit(2, { validator: stranger.address })]),
      {},
    ],
    ['a channel with enough room', 'capacity', evidence, { capacityAtomic: 120n }],
    [
      'admissions that a conviction has already punished',
      'unpunished',
      evidence,
      { convictedAtMs: START_MS - BigInt(ADMISSION_DOUBT_MS) + 20_000n },
    ],
    ['too few orders', 'capacity', collect([first, second]), {}],
    [
      'another chain',
      'order-signatures',
      collect([0, 1, 2].map((number) => admit(number, { ledger: { ...ledger, chainId: 1n } }))),
      {},
    ],
    ['an order that had expired', 'alive', collect([admit(0, { expiresAtMs: START_MS + 20_000n }), second, third]), {}],
  ])('does not convict by %s', (_name, id, bent, change) => {
    expect(failures(bent, change)).toContain(id);
    expect(isConvicted(judgeOverAdmission(crypto, { ...view, ...change }, bent))).toBe(false);
  });

  it('does not convict by an admission after the expiry of its order', () => {
    const late = admit(2, { admittedAtMs: START_MS + 200_000n, expiresAtMs: START_MS + 200_000n });
    expect(failures({ orders: [late] }, { capacityAtomic: 1n })).toContain('alive');
  });

  it('convicts again by admissions after a conviction', () => {
    const convictedAtMs = START_MS - BigInt(ADMISSION_DOUBT_MS) + 19_999n;
    expect(failures(evidence, { convictedAtMs })).toEqual([]);
  });

  it('checks no signature if another check fails', () => {
    const checks = judgeOverAdmission(crypto, { ...view, capacityAtomic: 120n }, evidence);
    expect(checks.filter(({ status }) => status === 'skip').map(({ id }) => id)).toEqual([
      'order-signatures',
      'admissions',
    ]);
  });

  it('does not parse with no order, too many, or a truncated one', () => {
    expect(() => encodeOverAdmission({ orders: [] })).toThrow(ProtocolError);
    expect(() => encodeOverAdmission({ orders: Array(1_025).fill(first) })).toThrow(ProtocolError);
    expect(() => parseOverAdmission(fromHex(vector.evidence).slice(0, -1))).toThrow(ProtocolError);
    expect(() => failures(bend({ order: first.order.slice(1) }))).toThrow(ProtocolError);
  });
});

describe('the capacity of a channel', () => {
  const at = (timeMs: number, roomAtomic: bigint) => ({ timeMs: START_MS + BigInt(timeMs), roomAtomic });
  const capacity = (...changes: ReturnType<typeof at>[]) =>
    computeCapacity(changes, { firstMs: START_MS, lastMs: START_MS + 5n });

  it('is its largest room around the admissions', () => {
    expect(capacity()).toBe(0n);
    expect(capacity(at(-ADMISSION_DOUBT_MS - 9, 7n))).toBe(7n);
    // The room just before, the new amount, and the amount just after.
    expect(capacity(at(-ADMISSION_DOUBT_MS, 70n), at(0, 10n))).toBe(70n);
    expect(capacity(at(0, 30n), at(1, 10n))).toBe(30n);
    expect(capacity(at(0, 30n), at(5 + ADMISSION_DOUBT_MS, 90n))).toBe(90n);
    // Neither earlier withdrawals nor later deposits count.
    expect(capacity(at(-ADMISSION_DOUBT_MS - 2, 99n), at(-ADMISSION_DOUBT_MS - 1, 20n))).toBe(20n);
    expect(capacity(at(0, 30n), at(6 + ADMISSION_DOUBT_MS, 90n))).toBe(30n);
  });
});

describe('a search for evidence', () => {
  const { order: bytes, signature } = admit(0);
  /** Creates an admission with signatures that are not checked. */
  const bare = (given: { number: number; fee: bigint; startMs: bigint; endMs: bigint }): OrderAdmission => ({
    order: encodeOrder({
      ...parseOrder(bytes),
      ...{ maxFeeAtomic: given.fee, expiresAtMs: given.endMs, nonce: new Uint8Array(32).fill(given.number) },
    }),
    signature,
    admission: { epoch: 7n, timeMs: given.startMs, signature },
  });
  const order = fc.record({
    startMs: fc.integer({ min: 0, max: 40 }),
    lifeMs: fc.integer({ min: 1, max: 20 }),
    fee: fc.bigInt(1n, 9n),
  });

  it('finds it exactly if orders alive at the same time exceed the capacity', () => {
    fc.assert(
      fc.property(fc.array(order, { minLength: 1, maxLength: 8 }), fc.bigInt(0n, 30n), (histories, capacityAtomic) => {
        const orders = histories.map(({ startMs, lifeMs, fee }, number) =>
          bare({ number, fee, startMs: BigInt(startMs), endMs: BigInt(startMs + lifeMs) }),
        );
        // Counted at every moment, as an observer would do.
        const moments = Array.from({ length: 60 }, (_, now) =>
          histories
            .filter(({ startMs, lifeMs }) => startMs <= now && now < startMs + lifeMs)
            .reduce((sum, { fee }) => sum + fee, 0n),
        );
        const most = moments.toSorted((a, b) => Number(a - b)).at(-1) as bigint;
        const found = findOverAdmission(crypto, ledger, { orders, capacityOf: () => capacityAtomic });
        if (most <= capacityAtomic) {
          expect(found).toBeUndefined();
          return;
        }
        expect(describeOverAdmission(found as OverAdmission).heldAtomic).toBe(most);
        const believing = { ...crypto, verifyAddress: () => true };
        expect(isConvicted(judgeOverAdmission(believing, { ...view, capacityAtomic }, found as OverAdmission))).toBe(
          true,
        );
      }),
      { seed, numRuns: 300 },
    );
  });

  it('is not misled by a larger set that was covered, or punished, at another time', () => {
    const hour = BigInt(ADMISSION_DOUBT_MS);
    const later = 10n * hour;
    const rich = bare({ number: 0, fee: 90n, startMs: hour, endMs: hour + 9n });
    const poor = [1, 2].map((number) => bare({ number, fee: 10n, startMs: later, endMs: later + 9n }));
    const changes = [
      { timeMs: 0n, roomAtomic: 100n },
      { timeMs: 5n * hour, roomAtomic: 10n },
    ];
    const capacityOf = (span: Parameters<typeof computeCapacity>[1]) => computeCapacity(changes, span);
    const search = { orders: [rich, ...poor], capacityOf };
    expect(findOverAdmission(crypto, ledger, search)?.orders).toHaveLength(2);
    expect(findOverAdmission(crypto, ledger, { ...search, afterMs: later })).toBeUndefined();
    // With no room at all times, the later set remains to be punished.
    const everywhere = { ...search, capacityOf: () => 1n };
    expect(findOverAdmission(crypto, ledger, everywhere)?.orders).toHaveLength(1);
    expect(findOverAdmission(crypto, ledger, { ...everywhere, afterMs: 5n * hour })?.orders).toHaveLength(2);
  });
});
