import { toHex } from '@ogong/protocol/base/bytes';
import type { Clock } from '../time/clock.ts';
import { createRateLimiter, type RateLimit } from './token-bucket.ts';

export interface NewcomerLimits {
  /** Of one address: orders that are refused, are admitted already, or have an unknown payer. */
  readonly ofAddress: RateLimit;
  /** Orders of unknown payers, all addresses together. */
  readonly ofStrangers: RateLimit;
  /** The same for orders to which a provider with accepted replies has agreed: of one provider, and of all of them. */
  readonly ofProvider: RateLimit;
  readonly ofProviders: RateLimit;
}

export const NEWCOMER_LIMITS: NewcomerLimits = {
  ofAddress: { perSecond: 5, burst: 50 },
  ofStrangers: { perSecond: 20, burst: 200 },
  ofProvider: { perSecond: 5, burst: 50 },
  ofProviders: { perSecond: 20, burst: 200 },
};

/**
 * Keys of payers are free. An order of a payer that has never paid here costs a validator or a provider signatures and chain reads. Only
 * then can it know that no money is behind it. So such orders have a budget: of each address, and in all. Providers with accepted replies
 * bring their payers on a budget of their own, and payers with a voucher here need none.
 */
export interface NewcomerBudget {
  /** Before the signatures of an order are checked. @returns false if the address has used its share and its earned places. */
  enter(address: string): boolean;
  /** A known payer has signed the order, which is new: it costs its address nothing. */
  excuse(address: string): void;
  /**
   * An order of the address was admitted, so somebody pays for it. It costs nothing, and earns a place for one more order at once. So an
   * address that brings many paid orders may bring many together. An order that is not admitted uses such a place up.
   */
  welcome(address: string): void;
  /** Before the chain is read. @param provider its key if it has accepted replies. @returns false if nothing is left. */
  takeReading(provider: Uint8Array | undefined): boolean;
}

/** Orders that one address may bring at once beyond its budget, however many of it were admitted. */
const MAX_EARNED = 1_024;
const MAX_ADDRESSES = 4_096;

export function createNewcomerBudget(limits: NewcomerLimits, clock: Clock): NewcomerBudget {
  const ofAddress = createRateLimiter(limits.ofAddress, clock);
  const ofStrangers = createRateLimiter(limits.ofStrangers, clock);
  const ofProvider = createRateLimiter(limits.ofProvider, clock);
  const ofProviders = createRateLimiter(limits.ofProviders, clock);
  const earned = new Map<string, number>();
  /** The address that has been there longest makes room. */
  const setEarned = (address: string, places: number): void => {
    earned.delete(address);
    if (places > 0) earned.set(address, places);
    if (earned.size > MAX_ADDRESSES) earned.delete(earned.keys().next().value as string);
  };
  function takeEarned(address: string): boolean {
    const places = earned.get(address) ?? 0;
    if (places > 0) setEarned(address, places - 1);
    return places > 0;
  }
  return {
    enter: (address) => ofAddress.take(address) || takeEarned(address),
    excuse: (address) => ofAddress.giveBack(address),
    welcome(address) {
      ofAddress.giveBack(address);
      setEarned(address, Math.min(MAX_EARNED, (earned.get(address) ?? 0) + 1));
    },
    takeReading: (provider) =>
      provider === undefined ? ofStrangers.take('all') : ofProvider.take(toHex(provider)) && ofProviders.take('all'),
  };
}
