import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { ADMISSION_DOUBT_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { encodeOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import {
  type ChannelChange,
  computeCapacity,
  describeOverAdmission,
  findOverAdmission,
  isConvicted,
  judgeOverAdmission,
  type OrderAdmission,
} from '@ogong/protocol/exchange/over-admission';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AdmissionError, admitReply } from './admission-store.ts';
import { adjustChannel, readChannel } from './channel-store.ts';
import { VALIDATOR_SCHEMA } from './schema.ts';

const seed = 20261123;
const ledger = { chainId: 1n, verifyingContract: new Uint8Array(20).fill(0x11) };
const payer = new Uint8Array(20).fill(1);
const validator = new Uint8Array(20).fill(2);
const START_MS = 1_700_000_000_000;
const HALF_MS = ADMISSION_DOUBT_MS / 2;
const signature = new Uint8Array(65);

/** Events of one channel. Times in ms. */
type Step =
  /** The payer orders, and the validator goes by a reading of this age. */
  | { readonly kind: 'order'; readonly fee: bigint; readonly lifeMs: number; readonly ageMs: number }
  /** Time passes. */
  | { readonly kind: 'wait'; readonly ms: number }
  /** The validator's clock is set, forwards or back. */
  | { readonly kind: 'clock'; readonly aheadMs: number }
  /** The payer adds to the channel, or asks some of it back, or takes out what it asked for. */
  | { readonly kind: 'add'; readonly amount: bigint }
  | { readonly kind: 'ask-back'; readonly amount: bigint }
  | { readonly kind: 'take-out' }
  /** The first open order: its record is accepted at a part of its price, it is given up, or it was rejected before. */
  | { readonly kind: 'intake'; readonly percent: bigint }
  | { readonly kind: 'abandon' }
  /** The debt is settled, or rejected and never paid. */
  | { readonly kind: 'settle' }
  | { readonly kind: 'reject' }
  /** The validator stops, and starts over the same files. */
  | { readonly kind: 'restart' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('order' as const),
      fee: fc.bigInt(1n, 40n),
      lifeMs: fc.integer({ min: 1, max: MAX_ORDER_LIFETIME_MS }),
      ageMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: HALF_MS })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 2 * ADMISSION_DOUBT_MS })),
    }),
  },
  fc.record({ kind: fc.constant('clock' as const), aheadMs: fc.integer({ min: -HALF_MS, max: HALF_MS }) }),
  fc.record({ kind: fc.constant('add' as const), amount: fc.bigInt(1n, 100n) }),
  fc.record({ kind: fc.constant('ask-back' as const), amount: fc.bigInt(0n, 100n) }),
  fc.record({ kind: fc.constant('take-out' as const) }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('intake' as const), percent: fc.bigInt(0n, 100n) }) },
  fc.record({ kind: fc.constant('abandon' as const) }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  fc.record({ kind: fc.constant('reject' as const) }),
  fc.record({ kind: fc.constant('restart' as const) }),
);

/** A validator with its real books, and a chain that is modelled. @param isHonest otherwise it admits whatever it is brought. */
function play(history: readonly Step[], path: string, isHonest: boolean) {
  let store: Store = openStore(path, { schema: VALIDATOR_SCHEMA });
  let [nowMs, aheadMs] = [START_MS, 0];
  let chain = { admitted: 100n, releasing: 0n, spent: 0n };
  const readings = [{ atMs: nowMs, channel: chain }];
  const admitted: OrderAdmission[] = [];
  const inFlight: bigint[] = [];
  const change = (next: Partial<typeof chain>): void => {
    chain = { ...chain, ...next };
    readings.push({ atMs: nowMs, channel: chain });
  };
  const order = ({ fee, lifeMs, ageMs }: Extract<Step, { kind: 'order' }>): void => {
    const clockMs = nowMs + aheadMs;
    const nonce = new Uint8Array(32);
    new DataView(nonce.buffer).setUint32(0, admitted.length);
    const fields = nameOrder(crypto, ledger, {
      ...{ payer, validator, cumulativeAtomic: 10n ** 9n, requestHash: nonce, nonce, modelRoot: nonce },
      ...{ providerId: nonce, payee: payer, router: payer, choice: 0, contextSize: 1, maxFeeAtomic: fee },
      ...{ pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: BigInt(clockMs + lifeMs) },
    });
    const {
      admitted: holds,
      releasing,
      spent,
    } = readings.findLast(({ atMs }) => atMs <= nowMs - ageMs)?.channel ?? chain;
    const channel = isHonest ? { spendable: holds - releasing, spent } : { spendable: 10n ** 9n, spent: 0n };
    const said = { orderBytes: encodeOrder(fields), orderSignature: signature };
    const consent = { providerKey: new Uint8Array(1_344), signature: new Uint8Array(2_484) };
    try {
      store.transact((db) =>
        admitReply(db, { order: fields, ...said, consent, channel, admittedEpoch: 1n, admittedAtMs: clockMs }),
      );
    } catch (error) {
      if (error instanceof AdmissionError) return;
      throw error;
    }
    inFlight.push(fee);
    admitted.push({ order: said.orderBytes, signature, admission: { epoch: 1n, timeMs: BigInt(clockMs), signature } });
  };
  const adjust = (amounts: Parameters<typeof adjustChannel>[2]): void => {
    store.transact((db) => adjustChannel(db, payer, amounts));
  };
  for (const step of history) {
    nowMs += 1;
    if (step.kind === 'order') order(step);
    if (step.kind === 'wait') nowMs += step.ms;
    if (step.kind === 'clock') aheadMs = step.aheadMs;
    if (step.kind === 'add') change({ admitted: chain.admitted + step.amount });
    if (step.kind === 'ask-back') {
      const most = chain.admitted - chain.spent;
      change({ releasing: least(step.amount, most) });
    }
    if (step.kind === 'take-out') {
      const most = chain.admitted - chain.spent;
      const out = least(chain.releasing, most);
      change({ admitted: chain.admitted - out, releasing: 0n });
    }
    if (step.kind === 'intake' || step.kind === 'abandon') {
      const fee = inFlight.shift();
      const owed = step.kind === 'intake' && fee !== undefined ? (fee * step.percent) / 100n : 0n;
      if (fee !== undefined) adjust({ outstanding: -fee, owed });
    }
    const { owed } = store.read(() => readChannel(store, payer));
    if (step.kind === 'settle' && owed > 0n && chain.spent + owed <= chain.admitted) {
      adjust({ owed: -owed, settled: owed });
      change({ spent: chain.spent + owed });
    }
    if (step.kind === 'reject' && owed > 0n) adjust({ owed: -owed });
    if (step.kind === 'restart') {
      store.close();
      store = openStore(path, { schema: VALIDATOR_SCHEMA });
    }
  }
  store.close();
  const changes: ChannelChange[] = readings.map(({ atMs, channel }) => ({
    timeMs: BigInt(atMs),
    roomAtomic: channel.admitted - channel.releasing - channel.spent,
  }));
  return { admitted, changes };
}

function least(a: bigint, b: bigint): bigint {
  return [a, b].toSorted((x, y) => Number(x - y))[0] as bigint;
}

const believing = { ...crypto, verifyAddress: () => true };

/** Every evidence that could show most: the orders of each span of admissions that are alive at its end. */
function findConviction(admitted: readonly OrderAdmission[], changes: readonly ChannelChange[]): string | undefined {
  const times = [...new Set(admitted.map(({ admission }) => admission.timeMs))];
  for (const fromMs of times) {
    const orders = admitted.filter(({ admission }) => admission.timeMs >= fromMs);
    for (const toMs of times) {
      const within = orders.filter(({ admission }) => admission.timeMs <= toMs);
      const evidence = findOverAdmission(crypto, ledger, { orders: within, capacityOf: () => 0n });
      if (evidence === undefined) continue;
      const claim = describeOverAdmission(evidence);
      const view = {
        ledger,
        signingKeys: [validator],
        capacityAtomic: computeCapacity(changes, claim),
        convictedAtMs: 0n,
      };
      if (isConvicted(judgeOverAdmission(believing, view, evidence)))
        return `${claim.heldAtomic} of ${view.capacityAtomic}`;
    }
  }
  return undefined;
}

function run(isHonest: boolean, assert: (outcome: ReturnType<typeof play>) => void, numRuns: number): void {
  const directory = createTestDirectory('over-admission');
  let number = 0;
  try {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 4, maxLength: 24 }), (history) => {
        assert(play(history, join(directory.path, `${number++}.db`), isHonest));
      }),
      { seed, numRuns },
    );
  } finally {
    directory.remove();
  }
}

it('nothing that an honest validator signs convicts it, whatever payers, clocks and the chain do', () => {
  let most = 0;
  run(
    true,
    ({ admitted, changes }) => {
      most = Math.max(most, admitted.length);
      expect(findConviction(admitted, changes)).toBeUndefined();
    },
    200,
  );
  // The histories do admit orders.
  expect(most).toBeGreaterThan(5);
});

/** The most that orders could cost which were alive at one admission, counted from their fields. */
function countMost(admitted: readonly OrderAdmission[]): bigint {
  const rows = admitted.map(({ order, admission }) => ({ ...parseOrder(order), timeMs: admission.timeMs }));
  const sums = rows.map(({ timeMs: now }) =>
    rows
      .filter(({ timeMs, expiresAtMs }) => timeMs <= now && now < expiresAtMs)
      .reduce((sum, { maxFeeAtomic }) => sum + maxFeeAtomic, 0n),
  );
  return sums.reduce((most, sum) => -least(-most, -sum), 0n);
}

it('a validator that admits every order is convicted, if orders alive at once exceed all that the channel ever held', () => {
  let convicted = 0;
  run(
    false,
    ({ admitted, changes }) => {
      const held = changes.reduce((most, { roomAtomic }) => -least(-most, -roomAtomic), 0n);
      if (countMost(admitted) <= held) return;
      convicted++;
      expect(findConviction(admitted, changes)).toBeDefined();
    },
    100,
  );
  expect(convicted).toBeGreaterThan(5);
});
