import type { ChainClient } from '@ogong/chain/client';
import type { TokenPlace } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import { isPermitted, type SignedPermit, type UptoPermit } from '@ogong/chain/money/permits';
import { isApproved, type SignedApproval } from '@ogong/chain/money/signed-approvals';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import {
  closePermit,
  endPermit,
  findPermit,
  fixPermit,
  forgetPermits,
  listUnsettledPermits,
  notePermit,
  type PermitRow,
  takePermit,
} from '../books/permit-store.ts';

export type PermitChain = Pick<
  ChainClient,
  | 'address'
  | 'blockNumber'
  | 'chainTime'
  | 'findPermitTransfer'
  | 'hasPermits'
  | 'isPermitSpent'
  | 'permitFundsOf'
  | 'takeByPermit'
>;

/** Terms that the schemes of x402 share. */
export interface SettleOptions {
  readonly deployment: TokenPlace;
  /** The gateway's own account. */
  readonly payTo: Address;
  /** Least fee of a request, so that a payment is worth its gas. */
  readonly leastAtomic: bigint;
  /** Number of blocks above a payment before it is final. */
  readonly confirmations: bigint;
  /** Time that payments are kept, at least as long as receipts: each round reads all older ones. */
  readonly keptMs: number;
}

export interface SettleDependencies<Chain> {
  readonly books: WorkStore;
  readonly client: () => Promise<Chain>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export interface PermitOptions extends SettleOptions {
  /** Sum of all maxima that may be unsettled, and of all lost payments of the last day. It bounds the loss of a day. */
  readonly mostUnsettledAtomic: bigint;
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
  findProblem(offer: SignedPermit, nowMs: number): Promise<string | undefined>;
  /** @throws ChainError */
  take(offer: SignedPermit, neededAtomic: bigint): Promise<PermitRow | PermitRefusal>;
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
/** Payments of a round that wait for confirmations. */
const PER_ROUND = 256;

export function createPermits(options: PermitOptions, dependencies: SettleDependencies<PermitChain>): PermitDesk {
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
    async findProblem({ permit, signature, approval }, nowMs) {
      if (permit.to !== payTo) return `it pays ${permit.to}, and not ${payTo}`;
      const own = await findFacilitator();
      if (own === undefined) return 'this gateway takes no payments of scheme upto';
      if (permit.facilitator !== own) return `it names ${permit.facilitator} as the facilitator, and not ${own}`;
      const nowS = BigInt(Math.floor(nowMs / 1000));
      if (permit.validAfter > nowS) return 'it is not good yet';
      if (permit.deadline < nowS + LEAST_LIFE_S) return `it lapses too early: ${LEAST_LIFE_S} s at least`;
      if (permit.deadline > nowS + MOST_LIFE_S) return `it is good for too long: ${MOST_LIFE_S} s at most`;
      if (!(await isPermitted(deployment, permit, signature))) return 'its payer did not sign it';
      return approval && findApprovalProblem(approval, { deployment, permit });
    },
    async take(offer, neededAtomic) {
      const chain = await client();
      if (await chain.isPermitSpent(offer.permit)) return 'used';
      const fromBlock = await chain.blockNumber();
      const funds = await chain.permitFundsOf(offer.permit.from);
      const terms = { fromBlock, funds, neededAtomic, mostUnsettledAtomic, madeMs: clock.nowMs() };
      return books.write(() => takePermit(offer, terms));
    },
    end(account) {
      books.write(() => endPermit(account)).catch(onError);
    },
    async step() {
      await books.write(() => forgetPermits(clock.nowMs() - options.keptMs));
      const rows = await books.read(() => listUnsettledPermits(PER_ROUND));
      if (rows.length === 0) return;
      const chain = await client();
      const chainS = await chain.chainTime();
      for (const { state, madeMs, permit } of rows) {
        const isUrgent = permit.deadline - chainS < URGENT_S;
        if (state === 'open' && !isUrgent && clock.nowMs() - madeMs < LONGEST_REQUEST_MS) continue;
        await settlePermit(options, dependencies, { permit, chain, chainS, isUrgent }).catch(onError);
      }
    },
  };
}

async function findApprovalProblem(
  approval: SignedApproval,
  { deployment, permit }: { readonly deployment: TokenPlace; readonly permit: UptoPermit },
): Promise<string | undefined> {
  if (approval.value !== permit.maximum) return `its approval is for ${approval.value}, and not for ${permit.maximum}`;
  if (approval.deadline < permit.deadline) return 'its approval lapses before it';
  return (await isApproved(deployment, permit.from, approval)) ? undefined : 'its payer did not sign the approval';
}

interface DuePermit {
  readonly permit: UptoPermit;
  readonly chain: PermitChain;
  /** Time of the chain, in seconds since 1970. It may be a little late. */
  readonly chainS: bigint;
  readonly isUrgent: boolean;
}

/** Brings a permit to its next state. A repetition after a crash, or by another gateway, takes nothing twice. @throws ChainError */
async function settlePermit(
  { leastAtomic, confirmations }: PermitOptions,
  { books, clock }: Pick<SettleDependencies<PermitChain>, 'books' | 'clock'>,
  { permit, chain, chainS, isUrgent }: DuePermit,
): Promise<void> {
  const isLapsed = permit.deadline < chainS;
  const nowMs = clock.nowMs();
  const close = (row: PermitRow, end: 'done' | 'lost') => books.write(() => closePermit(row, end, nowMs));

  const take = async (row: PermitRow): Promise<void> => {
    if (await chain.isPermitSpent(permit)) return note(row);
    if (isLapsed) {
      await close(row, 'lost');
      return;
    }
    const { transactionHash } = await chain.takeByPermit(row, row.takenAtomic);
    await books.write(() => notePermit(row, { transactionHash, value: row.takenAtomic }));
  };
  /** Notes the transfer that is on the chain. Its payer may have withdrawn the permit instead. */
  const note = async (row: PermitRow): Promise<void> => {
    const latestBlock = await chain.blockNumber();
    const found = await chain.findPermitTransfer(permit, row.fromBlock);
    if (found === undefined) {
      // The node may be behind and not show it yet.
      if (isLapsed) await close(row, 'lost');
      return;
    }
    const isNoted = row.transactionHash === found.transactionHash && row.takenAtomic === found.value;
    const noted = isNoted ? row : await books.write(() => notePermit(row, found));
    if (noted && latestBlock - found.blockNumber >= confirmations) await close(noted, 'done');
  };

  // The same account fills the escrow.
  await books.alone('funding', async () => {
    // Another gateway may have settled it since it was listed.
    const row = await books.read(() => findPermit(permit));
    if (row?.state === 'taking' || row?.state === 'taken') return take(row);
    if (row?.state !== 'open' && row?.state !== 'ended') return;
    const fixed = await books.write(() => fixPermit(row, { leastAtomic, isUrgent, nowMs }));
    if (fixed) await take(fixed);
  });
}
