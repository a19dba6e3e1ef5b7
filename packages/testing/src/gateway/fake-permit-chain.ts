import { ChainError } from '@ogong/chain/errors';
import type { Address, Hex } from '@ogong/chain/hex';
import type { PermitFunds, PermitTransfer, SignedPermit, UptoPermit } from '@ogong/chain/money/permits';
import type { PermitChain } from '@ogong/gateway/front/permits';

const UNLIMITED = 2n ** 256n - 1n;

type Nonce = Pick<UptoPermit, 'from' | 'nonce'>;
const nameOf = ({ from, nonce }: Nonce): string => `${from} ${nonce}`;

/**
 * A chain in memory on which facilitators take tokens by permits. Each transfer is a block.
 * @param timeS time of the chain, in seconds since 1970.
 */
export function createFakePermitChain(facilitator: Address, timeS: bigint) {
  const balances = new Map<Address, bigint>();
  const used = new Set<string>();
  const transfers = new Map<string, PermitTransfer & Pick<UptoPermit, 'facilitator'>>();
  const allowances = new Map<Address, bigint>();
  const approvals = new Map<Address, bigint>();
  const state = { timeS, block: 1n };
  const balanceOf = (from: Address): bigint => balances.get(from) ?? 0n;
  const allowanceOf = (from: Address): bigint => allowances.get(from) ?? UNLIMITED;
  const approvalsOf = (from: Address): bigint => approvals.get(from) ?? 0n;
  const refuse = (why: string): never => {
    throw new ChainError('reverted', why);
  };

  const calls: Record<keyof PermitChain, unknown> = {
    address: facilitator,
    blockNumber: async () => state.block,
    chainTime: async () => state.timeS,
    hasPermits: async () => true,
    permitFundsOf: async (from: Address): Promise<PermitFunds> => ({
      ...{ balanceAtomic: balanceOf(from), allowanceAtomic: allowanceOf(from), approvalNonce: approvalsOf(from) },
    }),
    isPermitSpent: async (permit: Nonce) => used.has(nameOf(permit)),
    async findPermitTransfer(permit: UptoPermit) {
      const found = transfers.get(nameOf(permit));
      return found?.facilitator === permit.facilitator ? found : undefined;
    },
    async takeByPermit({ permit, approval }: Pick<SignedPermit, 'permit' | 'approval'>, amount: bigint) {
      const { from } = permit;
      if (used.has(nameOf(permit))) refuse('the nonce is used');
      if (state.timeS > permit.deadline) refuse('the permit lapsed');
      const isApproved = approval?.nonce === approvalsOf(from);
      const allowance = isApproved ? approval.value : allowanceOf(from);
      if (amount > permit.maximum || amount > balanceOf(from) || amount > allowance) refuse('the amount is too large');
      if (isApproved) approvals.set(from, approvalsOf(from) + 1n);
      if (allowance !== UNLIMITED) allowances.set(from, allowance - amount);
      used.add(nameOf(permit));
      balances.set(from, balanceOf(from) - amount);
      const blockNumber = ++state.block;
      const transactionHash: Hex = `0x${blockNumber.toString(16).padStart(64, '0')}`;
      transfers.set(nameOf(permit), { transactionHash, blockNumber, value: amount, facilitator: permit.facilitator });
      return { transactionHash, blockNumber };
    },
  };

  return {
    chain: calls as PermitChain,
    state,
    /** Sets the balance of a payer. */
    fund: (from: Address, amount: bigint): void => void balances.set(from, amount),
    /** Sets the amount that Permit2 may move. Default: any. */
    allow: (from: Address, amount: bigint): void => void allowances.set(from, amount),
    /** The payer uses up the nonce of a permit itself. */
    withdraw: (permit: Nonce): void => void used.add(nameOf(permit)),
    /** The payer uses up the number of its next approval. */
    skipApproval: (from: Address): void => void approvals.set(from, approvalsOf(from) + 1n),
    /** Returns the amount that its facilitator took by a permit. */
    takenBy(permit: UptoPermit): bigint {
      const found = transfers.get(nameOf(permit));
      return found?.facilitator === permit.facilitator ? found.value : 0n;
    },
    /** Undoes the transfer of a permit that is less deep than this. */
    undo(permit: Nonce, confirmations: bigint): void {
      const name = nameOf(permit);
      const found = transfers.get(name);
      if (found === undefined || state.block - found.blockNumber >= confirmations) return;
      transfers.delete(name);
      used.delete(name);
      balances.set(permit.from, balanceOf(permit.from) + found.value);
    },
  };
}
