import type { Channel } from '@ogong/chain/client';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';

/** A channel with enough money for every test. */
export const FULL_CHANNEL: Channel = {
  admitted: 10n ** 30n,
  spent: 0n,
  releasing: 0n,
  releasableAt: 0n,
  spendable: 10n ** 30n,
};

/** Returns the registration of a router that never leaves. */
export const standingRouter = (ticketKey: Uint8Array) => ({ ticketKey, sinceMs: 0, untilMs: undefined });

/** Throws, as the client of a network without a chain. */
export const noClient = (): Promise<never> => Promise.reject(new Error('there is no chain here'));

export interface FixedChainOptions {
  readonly ledger: LedgerDomain;
  /** Read again at each call, so a test may change the members. */
  readonly members: () => readonly QuorumMember[];
  readonly router: FindRouter;
  /** Default: every channel is full. */
  readonly channel?: ChainView['channel'];
}

/** A chain as daemons read it, without transactions: its members stay, and it has no threshold beacon. */
export function createFixedChain({ ledger, members, router, channel = async () => FULL_CHANNEL }: FixedChainOptions) {
  const find = (address: Uint8Array) => members().find((one) => equalBytes(one.address, address));
  const findByCertHash = (hash: Uint8Array) => members().find((one) => equalBytes(one.certHash, hash));
  return {
    ...{ ledger, router, channel, validators: members, recentLists: () => [members()], generations: () => [] },
    ...{ findByAddress: find, recallByAddress: find, findByCertHash, recallByCertHash: findByCertHash },
    ...{ beaconKeys: () => undefined, parameters: () => undefined },
    ...{ isEjected: async () => false, isBacked: async () => true },
  };
}
