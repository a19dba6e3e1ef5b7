import type { EarningsBalance } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { type BytesLike, toAddress, toHex } from '@ogong/chain/hex';
import { toHex as bytesToHex } from '@ogong/protocol/base/bytes';
import type { EarningsClient } from './earnings-compliance.ts';

/** As in the contract: whole periods between the period of an earning and the period of its payment. */
const HELD_PERIODS = 2;

interface EarningsAccount {
  /** Amounts by period. The sum over past periods counts. */
  readonly earned: Map<number, bigint>;
  /** The payee's bond at the end of a period, for periods in which it changed. */
  readonly bonds: Map<number, bigint>;
  paid: bigint;
  collected: bigint;
}

export interface FakeEarningsOptions {
  /** 0 if earnings are not held. */
  readonly periodSeconds: number;
  readonly entrance?: bigint;
  readonly appealSeconds?: number;
  readonly nowSeconds: () => number;
}

function refuse(name: string): never {
  throw new ChainError('reverted', `refused with ${name}()`, { revert: { name, args: [] } });
}

const keyOf = (bytes: BytesLike): string =>
  typeof bytes === 'string' ? bytes.slice(2).toLowerCase() : bytesToHex(bytes);

/** The rules of the contract Earnings, and of ejections, in memory. */
export function createFakeEarnings({
  periodSeconds,
  entrance = 0n,
  appealSeconds = 0,
  nowSeconds,
}: FakeEarningsOptions) {
  const accounts = new Map<string, EarningsAccount>();
  /** Times of ejections by provider id, seconds since 1970. */
  const ejected = new Map<string, number>();
  const tokens = new Map<string, bigint>();
  let collectedInAll = 0n;

  const periodAt = (seconds: number): number => (periodSeconds === 0 ? 0 : Math.floor(seconds / periodSeconds));
  const aboveEntrance = (sum: bigint): bigint => (sum > entrance ? sum - entrance : 0n);
  const sumUpTo = ({ earned }: EarningsAccount, period: number): bigint =>
    [...earned].reduce((sum, [one, amount]) => (one <= period ? sum + amount : sum), 0n);

  const bondAt = ({ bonds }: EarningsAccount, period: number): bigint =>
    [...bonds].reduce((latest, [one, amount]) => (one <= period ? amount : latest), 0n);

  function earnedIn(providerId: BytesLike, payee: BytesLike, period: number): bigint {
    if (period >= periodAt(nowSeconds())) refuse('PeriodNotOver');
    const account = open(providerId, payee);
    return aboveEntrance(sumUpTo(account, period)) - aboveEntrance(sumUpTo(account, period - 1));
  }

  function open(providerId: BytesLike, payee: BytesLike): EarningsAccount {
    const key = `${keyOf(toHex(providerId, 'providerId', 32))} ${keyOf(toAddress(payee, 'payee'))}`;
    const found = accounts.get(key) ?? { earned: new Map(), bonds: new Map(), paid: 0n, collected: 0n };
    accounts.set(key, found);
    return found;
  }

  function balanceOf(providerId: BytesLike, payee: BytesLike): EarningsBalance {
    const account = open(providerId, payee);
    const since = ejected.get(keyOf(providerId));
    const { paid, collected } = account;
    const earned = sumUpTo(account, Number.POSITIVE_INFINITY);
    const vested = periodSeconds === 0 ? earned : sumUpTo(account, periodAt(since ?? nowSeconds()) - HELD_PERIODS - 1);
    const due = aboveEntrance(vested);
    const isFinal = since !== undefined && nowSeconds() >= since + appealSeconds;
    const pool = isFinal ? earned - due : earned < entrance ? earned : entrance;
    const bonded = bondAt(account, Number.POSITIVE_INFINITY);
    const [held, withdrawable, collectable] = [earned - vested, due - paid, pool - collected];
    return { earned, held, withdrawable, collectable, paid, collected, bonded };
  }

  const client: EarningsClient = {
    earningsOf: async (...account) => balanceOf(...account),
    earnedIn: async (providerId, payee, period) => earnedIn(providerId, payee, period),
    heldIn: async (providerId, payee, period) =>
      earnedIn(providerId, payee, period) + bondAt(open(providerId, payee), period),
    async withdrawEarnings(providerId, payee) {
      const { withdrawable } = balanceOf(providerId, payee);
      if (withdrawable === 0n) refuse('NothingToWithdraw');
      open(providerId, payee).paid += withdrawable;
      tokens.set(keyOf(payee), (tokens.get(keyOf(payee)) ?? 0n) + withdrawable);
    },
    async collectEarnings(providerId, payee) {
      const { collectable } = balanceOf(providerId, payee);
      if (collectable === 0n) refuse('NothingToCollect');
      open(providerId, payee).collected += collectable;
      collectedInAll += collectable;
    },
  };

  return {
    client,
    /** Adds a provider's part of a line, as the settlement does. */
    credit(providerId: BytesLike, payee: BytesLike, amount: bigint): void {
      const { earned } = open(providerId, payee);
      const period = periodAt(nowSeconds());
      earned.set(period, (earned.get(period) ?? 0n) + amount);
    },
    /** Adds to a payee's bond, which never leaves here. */
    bond(providerId: BytesLike, payee: BytesLike, amount: bigint): void {
      const account = open(providerId, payee);
      account.bonds.set(periodAt(nowSeconds()), bondAt(account, Number.POSITIVE_INFINITY) + amount);
    },
    eject(providerId: BytesLike): void {
      if (!ejected.has(keyOf(providerId))) ejected.set(keyOf(providerId), nowSeconds());
    },
    reinstate(providerId: BytesLike): void {
      const since = ejected.get(keyOf(providerId)) ?? refuse('NotEjected');
      if (nowSeconds() >= since + appealSeconds) refuse('AppealOver');
      ejected.delete(keyOf(providerId));
    },
    /** Payments by address. */
    tokensOf: (address: BytesLike): bigint => tokens.get(keyOf(address)) ?? 0n,
    /** Payments to the verification pool. */
    collected: (): bigint => collectedInAll,
  };
}
