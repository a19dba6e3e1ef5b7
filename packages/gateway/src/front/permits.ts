import type { ChainClient } from '@ogong/chain/client';
import type { Deployment } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import { isPermitted } from '@ogong/chain/money/permits';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import {
  closePermit,
  endPermit,
  fixPermit,
  forgetPermits,
  listUnsettledPermits,
  notePermit,
  type PermitRow,
  takePermit,
  type UptoOffer,
} from '../books/permit-store.ts';

export type PermitChain = Pick<
  ChainClient,
  | 'address'
  | 'blockNumber'
  | 'chainTime'
  | 'findPermitTransfer'
  | 'hasPermits'
  | 'isPermitSpent'
  | 'permittedBalanceOf'
  | 'takeByPermit'
>;

export interface PermitOptions {
  readonly deployment: Pick<Deployment, 'chainId' | 'token'>;
  readonly payTo: Address;
  readonly leastAtomic: bigint;
  readonly confirmations: bigint;
  /** Sum of all maxima that may be unsettled, and of all lost payments of the last day. It bounds the loss of a day. */
  readonly mostUnsettledAtomic: bigint;
}

export interface PermitDependencies {
  readonly books: WorkStore;
  readonly client: () => Promise<PermitChain>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export type PermitRefusal = 'used' | 'poor' | 'owes' | 'full';

/**
 * Payments of x402's scheme `upto`. The request runs first. Then the gateway takes the fees that the network settled, so a rejected reply
 * costs nothing. A payer may move its tokens away in between, so the open sum has a limit.
 */
export interface PermitDesk {
  /** The account that takes the payments; undefined if the chain lacks the contracts, or does not answer. */
  findFacilitator(): Promise<Address | undefined>;
  /** Finds a reason to refuse a permit, before its request is read. */
  findProblem(offer: UptoOffer, nowMs: number): Promise<string | undefined>;
  /** @throws ChainError */
  take(offer: UptoOffer, neededAtomic: bigint): Promise<PermitRow | PermitRefusal>;
  /** Notes that the request of this account is over. */
  end(account: string): void;
  /** Brings all permits one step further. */
  step(): Promise<void>;
}

/** A gateway that stopped while a request ran takes its price after this time. */
const LONGEST_REQUEST_MS = 1_800_000;
/** Least time before a permit lapses when it comes: a reply, its verdict and a transfer have to fit. */
const LEAST_LIFE_S = 900n;
const MOST_LIFE_S = 3_900n;
/** From here on the price is taken as it stands. The payer gets credit for the rest. */
const URGENT_S = 600n;
const PER_ROUND = 256;
const KEPT_MS = 86_400_000;

export function createPermits(options: PermitOptions, dependencies: PermitDependencies): PermitDesk {
  const { deployment, payTo, mostUnsettledAtomic } = options;
  const { books, client, clock, onError } = dependencies;
  let facilitator: Address | undefined;

  async function findFacilitator(): Promise<Address | undefined> {
    if (facilitator !== undefined) return facilitator;
    try {
      const chain = await client();
      if (chain.address !== undefined && (await chain.hasPermits())) facilitator = chain.address;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
    }
    return facilitator;
  }

  return {
    findFacilitator,
    async findProblem({ permit, signature }, nowMs) {
      if (permit.to !== payTo) return `it pays ${permit.to}, and not ${payTo}`;
      const own = await findFacilitator();
      if (own === undefined) return 'this gateway takes no payments of scheme upto';
      if (permit.facilitator !== own) return `it names ${permit.facilitator} as the facilitator, and not ${own}`;
      const nowS = BigInt(Math.floor(nowMs / 1000));
      if (permit.validAfter > nowS) return 'it is not good yet';
      if (permit.deadline < nowS + LEAST_LIFE_S) return `it lapses too early: ${LEAST_LIFE_S} s at least`;
      if (permit.deadline > nowS + MOST_LIFE_S) return `it is good for too long: ${MOST_LIFE_S} s at most`;
      return (await isPermitted(deployment, permit, signature)) ? undefined : 'its payer did not sign it';
    },
    async take(offer, neededAtomic) {
      const chain = await client();
      if (await chain.isPermitSpent(offer.permit)) return 'used';
      const fromBlock = await chain.blockNumber();
      const movableAtomic = await chain.permittedBalanceOf(offer.permit.from);
      const terms = { fromBlock, movableAtomic, neededAtomic, mostUnsettledAtomic, madeMs: clock.nowMs() };
      return books.write(() => takePermit(offer, terms));
    },
    end(account) {
      books.write(() => endPermit(account)).catch(onError);
    },
    async step() {
      await books.write(() => forgetPermits(clock.nowMs() - KEPT_MS));
      for (const row of await books.read(() => listUnsettledPermits(PER_ROUND)))
        await settlePermit(options, dependencies, row).catch(onError);
    },
  };
}

/** Brings a permit to its next state. A repetition after a crash takes nothing twice. @throws ChainError */
async function settlePermit(
  { leastAtomic, confirmations }: PermitOptions,
  { books, client, clock }: PermitDependencies,
  row: PermitRow,
): Promise<void> {
  const chain = await client();
  const { permit } = row;
  const nowMs = clock.nowMs();
  const leftS = permit.deadline - (await chain.chainTime());
  const isUrgent = leftS < URGENT_S;
  if (row.state === 'open' && !isUrgent && nowMs - row.madeMs < LONGEST_REQUEST_MS) return;

  const take = async (fixed: PermitRow): Promise<void> => {
    if (await chain.isPermitSpent(permit)) return note(fixed);
    if (leftS <= 0n) {
      await books.write(() => closePermit(fixed, 'lost', nowMs));
      return;
    }
    const { transactionHash } = await chain.takeByPermit(permit, fixed.takenAtomic, fixed.signature);
    await books.write(() => notePermit(fixed, transactionHash));
  };
  /** Notes the transfer that is on the chain. Its payer may have withdrawn the permit instead. */
  const note = async (fixed: PermitRow): Promise<void> => {
    const found = await chain.findPermitTransfer(permit, row.fromBlock);
    if (found === undefined) {
      // The node may be behind and not show it yet.
      if (leftS <= 0n) await books.write(() => closePermit(fixed, 'lost', nowMs));
      return;
    }
    if (fixed.state !== 'taken') await books.write(() => notePermit(fixed, found.transactionHash));
    if ((await chain.blockNumber()) - found.blockNumber >= confirmations)
      await books.write(() => closePermit(fixed, 'done', nowMs));
  };

  // The same account fills the escrow.
  await books.alone('funding', async () => {
    if (row.state === 'taking' || row.state === 'taken') return take(row);
    const fixed = await books.write(() => fixPermit(row, { leastAtomic, isUrgent }));
    if (fixed?.state === 'taking') await take(fixed);
  });
}
