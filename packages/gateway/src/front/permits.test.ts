import { setImmediate } from 'node:timers/promises';
import type { Hex } from '@ogong/chain/hex';
import { generatePrivateKey } from '@ogong/chain/keys';
import type { SignedPermit, UptoPermit } from '@ogong/chain/money/permits';
import type { SignedApproval } from '@ogong/chain/money/signed-approvals';
import {
  BENCH_CONFIRMATIONS,
  createPermitBench,
  type MakeCall,
  type PermitBench,
} from '@ogong/testing/gateway/permit-bench';
import { checkStaleRow, MAX_FEE, MAXIMUM, owePermit } from '@ogong/testing/gateway/permits-compliance';
import fc from 'fast-check';
import { parseSignature, serializeSignature } from 'viem';
import { expect, it } from 'vitest';

it('credits the rest of what the chain took, after another gateway fixed the amount', async () => {
  const bench = createPermitBench({ gateways: 2 });
  await checkStaleRow(bench);
  await bench.close();
});

it('takes the amount that is on the chain for the one that was taken', async () => {
  const bench = createPermitBench({ gateways: 1 });
  const { money } = bench;
  const permit = await owePermit(bench);
  await bench.settle(permit, 40n);
  // Another copy of the store fixed it.
  await money.chain.takeByPermit({ permit, signature: '0x', approval: undefined }, MAX_FEE);
  await bench.desk(0).step();
  expect(await bench.find(permit)).toMatchObject({ state: 'taken', takenAtomic: MAX_FEE });
  money.state.block += BENCH_CONFIRMATIONS;
  await bench.desk(0).step();
  expect(await bench.readMoney(permit)).toEqual({ spent: 40n, kept: 40n, left: 60n });
  await bench.close();
});

it('takes a payment behind hundreds of payers that do not pay, and counts the lost amounts alone', async () => {
  const bench = createPermitBench({ gateways: 1, mostUnsettledAtomic: 300n * MAXIMUM });
  const { money, desk } = bench;
  const { permit: first } = await bench.sign(generatePrivateKey(), { maximum: MAXIMUM, nonce: 0n });
  money.fund(first.from, 300n * MAXIMUM);
  const permits = Array.from({ length: 257 }, (_, index) => ({ ...first, nonce: BigInt(index) }));
  for (const permit of permits) {
    await desk(0).take({ permit, signature: '0x', approval: undefined }, MAX_FEE);
    await bench.order(permit, MAX_FEE);
    await bench.end(permit);
    await bench.settle(permit, 40n);
  }
  money.fund(first.from, 0n);
  const honest = await owePermit(bench);
  await bench.settle(honest, 40n);
  await desk(0).step();
  expect(await bench.find(honest)).toMatchObject({ state: 'taken', takenAtomic: 40n });

  money.state.timeS = first.deadline + 1n;
  await desk(0).step();
  expect(await bench.find(first)).toMatchObject({ state: 'lost', takenAtomic: 40n });
  const rich = await bench.sign(generatePrivateKey(), { maximum: 290n * MAXIMUM, nonce: 1n });
  money.fund(rich.permit.from, 300n * MAXIMUM);
  expect(await desk(0).take(rich, MAX_FEE)).toBe('full');
  const { permit, signature, approval } = rich;
  const smaller = { permit: { ...permit, maximum: 289n * MAXIMUM }, signature, approval };
  expect(await desk(0).take(smaller, MAX_FEE)).toMatchObject({ state: 'open' });
  await bench.close();
});

it('takes one payment at a time by approvals of a payer that lets permits spend nothing', async () => {
  const bench = createPermitBench({ gateways: 1 });
  const { money, sign, approve, find } = bench;
  const key = generatePrivateKey();
  const signOne = async (nonce: bigint, approvalNonce: bigint) =>
    approve(key, await sign(key, { maximum: MAXIMUM, nonce }), approvalNonce);
  const take = (offer: SignedPermit) => bench.desk(0).take(offer, MAX_FEE);
  const first = await signOne(1n, 0n);
  const { permit } = first;
  money.fund(permit.from, 10n * MAXIMUM);
  money.allow(permit.from, 0n);
  expect(await take({ ...first, approval: undefined })).toBe('poor');
  expect(await take(await signOne(1n, 1n))).toBe('poor');
  expect(await take(first)).toMatchObject({ approval: first.approval });
  money.allow(permit.from, 10n * MAXIMUM);
  expect(await take(await signOne(2n, 0n))).toBe('poor');
  expect(await take(await signOne(2n, 1n))).toBe('poor');
  money.allow(permit.from, 0n);

  await bench.order(permit, MAX_FEE);
  await bench.end(permit);
  await bench.settle(permit, 40n);
  await bench.desk(0).step();
  expect(await find(permit)).toMatchObject({ state: 'taken', takenAtomic: 40n });
  expect(await take(await signOne(2n, 1n))).toMatchObject({ state: 'open' });
  await bench.close();
});

it.each<[RegExp, (approval: SignedApproval) => Partial<SignedApproval>]>([
  [/is for 999, and not for 1000/, () => ({ value: 999n })],
  [/lapses before/, ({ deadline }) => ({ deadline: deadline - 1n })],
  [/did not sign the approval/, ({ deadline }) => ({ deadline: deadline + 1n })],
  [/did not sign the approval/, () => ({ nonce: 1n })],
  [/did not sign the approval/, ({ signature }) => ({ signature: twinOf(signature) })],
])('refuses an approval with another field before the request is read: %s', async (problem, bend) => {
  const bench = createPermitBench({ gateways: 1 });
  const key = generatePrivateKey();
  const offer = await bench.approve(key, await bench.sign(key, { maximum: MAXIMUM, nonce: 1n }), 0n);
  const approval = offer.approval as SignedApproval;
  expect(await bench.desk(0).findProblem(offer, Date.now())).toBeUndefined();
  const bent = { ...offer, approval: { ...approval, ...bend(approval) } };
  expect(await bench.desk(0).findProblem(bent, Date.now())).toMatch(problem);
  await bench.close();
});

/** Order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** The other signature of the same key, which contracts refuse. */
function twinOf(signature: Hex): Hex {
  const { r, s, yParity } = parseSignature(signature);
  return serializeSignature({ r, s: `0x${(ORDER - BigInt(s)).toString(16).padStart(64, '0')}`, yParity: 1 - yParity });
}

const EVENTS = [
  'step 0',
  'step 1',
  'urge',
  'settle',
  'order',
  'reject',
  'mine',
  'undo',
  'move',
  'withdraw',
  'lapse',
] as const;
/** The first ones are the most frequent. */
const WEIGHTS = [8, 8, 6, 4, 2, 1, 2, 1, 1, 1, 1];
const OUTCOMES = ['answers', 'dies before', 'dies after'] as const;

it('credits what the chain took, in any order of two gateways that may die at each call', async () => {
  const plan = fc.record({
    isLocked: fc.boolean(),
    events: fc.array(drawWeighted(EVENTS, WEIGHTS), { minLength: 4, maxLength: 16 }),
    outcomes: fc.infiniteStream(drawWeighted(OUTCOMES, [18, 1, 1])),
    order: fc.infiniteStream(fc.nat(255)),
  });
  const ends = new Set<string | undefined>();
  await fc.assert(
    fc.asyncProperty(plan, async ({ isLocked, events, outcomes, order }) => {
      const turns = createTurns(order, outcomes);
      const bench = createPermitBench({ gateways: 2, isLocked, makeCall: turns.makeCall });
      const permit = await owePermit(bench);
      await turns.play(events.map((event) => () => happen(event, { bench, permit })));
      await bench.settle(permit, 30n);
      bench.money.state.timeS = permit.deadline + 1n;
      for (let n = 0; n < 4; n++) {
        bench.money.state.block += BENCH_CONFIRMATIONS;
        await bench.desk(0).step();
      }
      const { state } = (await bench.find(permit)) ?? {};
      const { spent, kept, left } = await bench.readMoney(permit);
      expect(['done', 'lost']).toContain(state);
      expect(kept + left).toBe(bench.money.takenBy(permit));
      if (state === 'done') expect(kept).toBe(spent);
      ends.add(state);
      await bench.close();
    }),
    { numRuns: 100, endOnFailure: true },
  );
  expect([...ends].sort()).toEqual(['done', 'lost']);
});

class Death extends Error {}

/** Makes calls in a drawn order, one at a time. Some are never made, and the answers of some are lost. */
function createTurns(order: Iterator<number>, outcomes: Iterator<(typeof OUTCOMES)[number]>) {
  const waiting: (() => void)[] = [];
  let isPlaying = false;
  let busy = 0;

  const makeCall: MakeCall = async (call) => {
    if (!isPlaying) return call();
    await new Promise<void>((resolve) => waiting.push(resolve));
    const outcome = outcomes.next().value;
    if (outcome === 'dies before') throw new Death();
    busy++;
    const answer = await call().finally(() => busy--);
    if (outcome === 'dies after') throw new Death();
    return answer;
  };

  /** Starts the events one after the other. Between two of them, calls of earlier ones may be made. */
  async function play(events: readonly (() => Promise<unknown>)[]): Promise<void> {
    const left = [...events];
    const failures: unknown[] = [];
    let open = events.length;
    const startNext = (): void => {
      const event = left.shift();
      void event?.()
        .catch((error: unknown) => error instanceof Death || failures.push(error))
        .finally(() => open--);
    };
    isPlaying = true;
    while (open > 0) {
      await setImmediate();
      if (busy > 0) continue;
      const [next = startNext] = waiting.splice(order.next().value % (waiting.length + 1), 1);
      next();
    }
    isPlaying = false;
    if (failures.length > 0) throw new AggregateError(failures);
  }
  return { makeCall, play };
}

const drawWeighted = <const T>(values: readonly T[], weights: readonly number[]): fc.Arbitrary<T> =>
  fc.oneof(...values.map((value, i) => ({ arbitrary: fc.constant(value), weight: weights[i] as number })));

async function happen(
  event: (typeof EVENTS)[number],
  { bench, permit }: { readonly bench: PermitBench; readonly permit: UptoPermit },
): Promise<void> {
  const { state, undo, fund, withdraw } = bench.money;
  const moveTime = (timeS: bigint): void => {
    if (state.timeS < timeS) state.timeS = timeS;
  };
  const acts: Record<typeof event, () => unknown> = {
    'step 0': () => bench.desk(0).step(),
    'step 1': () => bench.desk(1).step(),
    order: () => bench.order(permit, MAX_FEE),
    settle: () => bench.settle(permit, 40n),
    reject: () => bench.settle(permit, 0n),
    mine: () => state.block++,
    undo: () => undo(permit, BENCH_CONFIRMATIONS),
    urge: () => moveTime(permit.deadline - 60n),
    lapse: () => moveTime(permit.deadline + 1n),
    move: () => fund(permit.from, 0n),
    withdraw: () => withdraw(permit),
  };
  await acts[event]();
}
