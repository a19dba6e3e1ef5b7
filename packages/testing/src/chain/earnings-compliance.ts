import type { EarningsBalance } from '@ogong/chain/client';
import type { Address, BytesLike, Hex } from '@ogong/chain/hex';
import { beforeAll, expect, it } from 'vitest';

/** The calls of a ledger client that concern earnings. */
export interface EarningsClient {
  earningsOf(providerId: BytesLike, payee: BytesLike): Promise<EarningsBalance>;
  earnedIn(providerId: BytesLike, payee: BytesLike, period: number): Promise<bigint>;
  heldIn(providerId: BytesLike, payee: BytesLike, period: number): Promise<bigint>;
  withdrawEarnings(providerId: BytesLike, payee: BytesLike): Promise<unknown>;
  collectEarnings(providerId: BytesLike, payee: BytesLike): Promise<unknown>;
}

/** A ledger whose clock the test advances. */
export interface EarningsWorld {
  readonly client: EarningsClient;
  /** Settles a fee of 100,000 without a router for a key and its payee. */
  earn(providerId: Hex, payee: Address): Promise<void>;
  eject(providerId: Hex): Promise<void>;
  reinstate(providerId: Hex): Promise<void>;
  tokensOf(address: Address): Promise<bigint>;
  /** Balance of the verification pool. */
  pool(): Promise<bigint>;
  nowSeconds(): Promise<number>;
  pass(seconds: number): Promise<void>;
}

export const EARNINGS = { periodSeconds: 100_000, entrance: 1_000n, appealSeconds: 5_000 };
/** The provider's part of that fee, and the pool's. */
const [PART, POOL_PART] = [96_980n, 1_000n];

let drawn = 0;
function draw(): [Hex, Address] {
  const text = `${++drawn}`;
  return [`0x${text.padStart(64, 'a0')}`, `0x${text.padStart(40, 'b0')}`];
}

const refusalOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no refusal',
    (error) => error.revert?.name ?? error.code,
  );

/** Tests that every ledger with held earnings must pass. @param open opens a ledger with the settings `EARNINGS`. */
export function testEarnings(open: () => Promise<EarningsWorld>): void {
  let world: EarningsWorld;
  beforeAll(async () => {
    world = await open();
  });

  const { periodSeconds, entrance, appealSeconds } = EARNINGS;
  const periodNow = async (): Promise<number> => Math.floor((await world.nowSeconds()) / periodSeconds);
  /** Advances to the first minutes of a later period. */
  async function passPeriods(count: number): Promise<void> {
    const now = await world.nowSeconds();
    await world.pass((Math.floor(now / periodSeconds) + count) * periodSeconds + 60 - now);
  }

  it('holds earnings for two further periods and pays them once, minus the first units', async () => {
    const [key, payee] = draw();
    const { client } = world;
    await passPeriods(1);
    const first = await periodNow();
    await world.earn(key, payee);
    const held = { earned: PART, held: PART, withdrawable: 0n, collectable: entrance, paid: 0n };
    expect(await client.earningsOf(key, payee)).toEqual({ ...held, collected: 0n, bonded: 0n });
    expect(await refusalOf(client.earnedIn(key, payee, first))).toBe('PeriodNotOver');
    await passPeriods(2);
    await world.earn(key, payee);
    expect(await client.earnedIn(key, payee, first)).toBe(PART - entrance);
    expect(await refusalOf(client.withdrawEarnings(key, payee))).toBe('NothingToWithdraw');
    await passPeriods(1);
    expect(await client.earningsOf(key, payee)).toMatchObject({ held: PART, withdrawable: PART - entrance });
    await client.withdrawEarnings(key, payee);
    expect(await world.tokensOf(payee)).toBe(PART - entrance);
    expect(await refusalOf(client.withdrawEarnings(key, payee))).toBe('NothingToWithdraw');
    expect(await client.earnedIn(key, payee, first)).toBe(PART - entrance);
    expect(await client.earnedIn(key, payee, first + 1)).toBe(0n);
    expect(await client.earnedIn(key, payee, first + 2)).toBe(PART);
    // The account has no bond beside its earnings.
    expect(await client.heldIn(key, payee, first)).toBe(PART - entrance);
    expect(await refusalOf(client.heldIn(key, payee, first + 9))).toBe('PeriodNotOver');
  });

  it('pays the first units of an account to the pool, at once and only once', async () => {
    const [key, payee] = draw();
    await world.earn(key, payee);
    const before = await world.pool();
    await world.client.collectEarnings(key, payee);
    expect((await world.pool()) - before).toBe(entrance);
    await world.earn(key, payee);
    expect(await refusalOf(world.client.collectEarnings(key, payee))).toBe('NothingToCollect');
  });

  it('takes held and later earnings after a final ejection, and leaves vested ones', async () => {
    const [key, payee] = draw();
    const { client } = world;
    await passPeriods(1);
    await world.earn(key, payee);
    await passPeriods(3);
    await world.earn(key, payee);
    await world.eject(key);
    await world.earn(key, payee);
    expect(await client.earningsOf(key, payee)).toMatchObject({ collectable: entrance, withdrawable: PART - entrance });
    await passPeriods(4);
    expect(await client.earningsOf(key, payee)).toMatchObject({ held: 2n * PART, withdrawable: PART - entrance });
    const before = await world.pool();
    await client.collectEarnings(key, payee);
    expect((await world.pool()) - before).toBe(2n * PART + entrance);
    await client.withdrawEarnings(key, payee);
    expect(await world.tokensOf(payee)).toBe(PART - entrance);
    expect(await refusalOf(world.reinstate(key))).toBe('AppealOver');
  });

  it('takes nothing if an ejection is lifted in time', async () => {
    const [key, payee] = draw();
    await passPeriods(1);
    await world.earn(key, payee);
    await world.eject(key);
    await world.pass(appealSeconds - 1_000);
    await world.reinstate(key);
    await passPeriods(3);
    await world.client.withdrawEarnings(key, payee);
    expect(await world.tokensOf(payee)).toBe(PART - entrance);
    expect(await refusalOf(world.reinstate(key))).toBe('NotEjected');
  });
}

/** Tests that a ledger with immediate payment must pass. @param open opens a ledger without periods and entrance. */
export function testUnheldEarnings(open: () => Promise<EarningsWorld>): void {
  it('pays earnings at once, so a later ejection takes nothing and a forger that leaves keeps them', async () => {
    const world = await open();
    const [key, payee] = draw();
    await world.earn(key, payee);
    await world.client.withdrawEarnings(key, payee);
    await world.eject(key);
    expect(await world.tokensOf(payee)).toBe(PART);
    expect(await refusalOf(world.client.collectEarnings(key, payee))).toBe('NothingToCollect');
    expect(await world.pool()).toBe(POOL_PART);
  });
}
