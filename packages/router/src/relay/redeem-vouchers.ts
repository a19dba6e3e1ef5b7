import { ChainError } from '@ogong/chain/errors';
import { type Address, toAddress, toHex } from '@ogong/chain/hex';
import { type AuthorizationUse, createAuthorizationReads } from '@ogong/chain/money/authorizations';
import { isTransferUsed, submitTransfer } from '@ogong/chain/money/signed-transfers';
import type { Transactor } from '@ogong/chain/transactor';
import type { Store } from '@ogong/host/store/store';
import {
  closeVoucher,
  listUnsettledVouchers,
  reopenVoucher,
  settleVoucher,
  type VoucherOutcome,
} from './relay-payments.ts';

/** Errors after which nothing was sent: the chain refused it, or the account cannot pay for it. */
const UNSENT: ReadonlySet<string> = new Set(['reverted', 'no-coin']);

export interface RedeemedVoucher {
  readonly nonce: string;
  readonly payer: string;
  readonly valueAtomic: bigint;
  /** `unknown`: it may have been sent, and the next run asks the chain for its outcome. */
  readonly outcome: VoucherOutcome | 'refused' | 'unknown';
  readonly detail: string;
}

/** The logs of some nodes lack older blocks, or lag behind their state; others refuse to be asked for them. */
const UNSEEN =
  'its nonce is used, and the logs of this chain node do not show the transaction. Run again later, or with the --rpc-url of a node that has all logs since the voucher arrived';

type UnsettledVoucher = ReturnType<typeof listUnsettledVouchers>[number];

interface RedeemDependencies {
  readonly store: Store;
  readonly transactor: Transactor;
  readonly token: Address;
  readonly payee: Uint8Array;
}

/** Blocks by which a chain node that reports an unused nonce may be behind another one. */
const LAG_BLOCKS = 1_000n;

/**
 * Submits what nodes have signed, one voucher after the other. Each is closed before it is submitted, so that its node signs the
 * next one under another nonce whatever becomes of this process. A voucher that an earlier run has closed, and perhaps submitted,
 * is searched on the chain. It is submitted again if it is not there.
 */
export async function redeemVouchers(
  dependencies: RedeemDependencies,
  { leastAtomic }: { readonly leastAtomic: bigint },
): Promise<RedeemedVoucher[]> {
  const { store } = dependencies;
  const done: RedeemedVoucher[] = [];
  for (const voucher of store.read(() => listUnsettledVouchers(store))) {
    const { nonce, payer, valueAtomic } = voucher;
    if (valueAtomic < leastAtomic) continue;
    const said = { nonce: toHex(nonce, 'nonce', 32).slice(2), payer: toAddress(payer, 'payer'), valueAtomic };
    done.push({ ...said, ...(await redeemOne(dependencies, voucher)) });
  }
  return done;
}

/** @returns a line of JSON for each, and a text for the operator if there is none. */
export function describeRedeemed(
  done: readonly RedeemedVoucher[],
  { leastAtomic }: { readonly leastAtomic: bigint },
): { readonly lines: readonly string[]; readonly note?: string } {
  if (done.length === 0) {
    const note = `nothing to redeem: no voucher of ${leastAtomic} atomic units or more waits; --least takes smaller ones`;
    return { lines: [], note };
  }
  return { lines: done.map((one) => JSON.stringify({ ...one, valueAtomic: `${one.valueAtomic}` })) };
}

async function redeemOne(
  { store, transactor, token, payee }: RedeemDependencies,
  voucher: UnsettledVoucher,
): Promise<Pick<RedeemedVoucher, 'outcome' | 'detail'>> {
  const { nonce, payer, valueAtomic, validBeforeS, signature, isClosed } = voucher;
  const reads = createAuthorizationReads(transactor, token);
  const validBefore = BigInt(validBeforeS);
  const settle = (outcome: VoucherOutcome, detail = '') => {
    store.transact((db) => settleVoucher(db, nonce, outcome));
    return { outcome, detail };
  };
  /**
   * That its nonce is used does not say how. Its payer or a stranger may have submitted it before it was closed. This relay may
   * have done so too, before its `relay.db` was restored from a copy. But nobody had submitted it when it was accepted.
   */
  const settleUsed = async (closedAtBlock: bigint) => {
    const named = { from: toAddress(payer, 'payer'), nonce: toHex(nonce, 'nonce', 32) };
    const earliest = voucher.takenAtBlock > LAG_BLOCKS ? voucher.takenAtBlock - LAG_BLOCKS : 0n;
    try {
      const use =
        (await reads.findAuthorizationUse(named, closedAtBlock)) ?? (await reads.findAuthorizationUse(named, earliest));
      if (use) return settle(...describeUse(use, { payee, valueAtomic }));
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      return { outcome: 'unknown' as const, detail: `${UNSEEN} (${error.message})` };
    }
    return { outcome: 'unknown' as const, detail: UNSEEN };
  };
  let isSent = isClosed;
  try {
    const atBlock = voucher.closedAtBlock ?? (await reads.blockNumber());
    if (!isClosed) store.transact((db) => closeVoucher(db, nonce, atBlock));
    if (await isTransferUsed(transactor, token, { from: payer, nonce })) return await settleUsed(atBlock);
    try {
      await submitTransfer(transactor, token, {
        ...{ from: payer, to: payee, value: valueAtomic, validBefore, nonce, signature },
      });
      return settle('redeemed');
    } catch (error) {
      // The voucher may still be mined, unless the chain refused it and nothing was sent before.
      isSent ||= !(error instanceof ChainError) || !UNSENT.has(error.code);
      throw error;
    }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    if (isSent) return { outcome: 'unknown', detail: error.message };
    // The payer may hold less than it signed for. The voucher stays open, and counts against this payer's further vouchers.
    store.transact((db) => reopenVoucher(db, nonce));
    return { outcome: 'refused', detail: error.message };
  }
}

function describeUse(
  { transactionHash, moved }: AuthorizationUse,
  { payee, valueAtomic }: { readonly payee: Uint8Array; readonly valueAtomic: bigint },
): [VoucherOutcome, string] {
  const by = `transaction ${transactionHash}`;
  if (moved === undefined) return ['cancelled', `its payer cancelled it in ${by}, so its traffic is unpaid`];
  if (moved.to !== toAddress(payee, 'payee')) {
    return ['replaced', `its nonce went to a transfer to ${moved.to} in ${by}, so its traffic is unpaid`];
  }
  if (moved.value >= valueAtomic) return ['redeemed', by];
  return ['replaced', `a voucher of its nonce over ${moved.value} was paid in ${by}: the rest is unpaid`];
}
