import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { bytes, columns, integer, mapped, named, optional, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { createWriter, equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  computePaidBytes,
  computeRelayFee,
  openRelayVoucher,
  parseRelayVoucher,
  type RelayVoucher,
  type SignedRelayVoucher,
} from '@ogong/protocol/exchange/relay/relay-voucher';

/** The price of a relay for carrying. */
export interface RelayPrice {
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** At least 1. */
  readonly pricePerGibAtomic: bigint;
  /** Bytes of a node that it carries ahead of the payment. */
  readonly creditBytes: bigint;
  /** Chain and address of the token. */
  readonly token: LedgerDomain;
}

export const RELAY_SCHEMA = `
  CREATE TABLE vouchers (
    nonce BLOB PRIMARY KEY,
    cert_hash BLOB NOT NULL,
    payer BLOB NOT NULL,
    value TEXT NOT NULL,
    valid_before INTEGER NOT NULL,
    signature BLOB NOT NULL,
    taken_at_block INTEGER NOT NULL,
    closed_at_block INTEGER,
    outcome TEXT CHECK (outcome IN ('redeemed', 'cancelled', 'replaced'))
  ) STRICT;
  CREATE INDEX vouchers_by_payer ON vouchers (payer) WHERE outcome IS NOT 'redeemed';`;

const atomic = mapped(text, BigInt, String);
const voucherRow = columns({
  nonce: bytes,
  certHash: bytes,
  payer: bytes,
  valueAtomic: named('value', atomic),
  validBeforeS: named('valid_before', integer),
  signature: bytes,
  takenAtBlock: named('taken_at_block', mapped(integer, BigInt, Number)),
});
const stateRow = columns({ closedAtBlock: optional(integer), outcome: optional(text) });

export type KeptVoucher = ReturnType<typeof voucherRow.read>;

/** The outcome of a voucher on the chain: paid, cancelled by its payer, or replaced by another transfer of its nonce. */
export type VoucherOutcome = 'redeemed' | 'cancelled' | 'replaced';

export interface RelayPayments {
  readonly terms: {
    readonly payee: Uint8Array;
    readonly pricePerGib: Uint8Array;
    readonly chainId: bigint;
    readonly token: Uint8Array;
    readonly creditBytes: bigint;
  };
  /** Takes a node's voucher: checked, covered by its payer's tokens, and on the disk when it resolves. @throws Refusal */
  take(certHash: PeerId, signed: SignedRelayVoucher): Promise<void>;
  /** Whether the node has paid for so many bytes, less the credit. */
  isCovered(certHash: PeerId, bytes: bigint): boolean;
  /** Bytes that the node's vouchers have paid for since its first link. */
  paidBytes(certHash: PeerId): bigint;
  /** Starts the node's bytes and payments at zero again. */
  forget(certHash: PeerId): void;
}

export interface RelayPaymentsDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Opened with RELAY_SCHEMA. */
  readonly store: Store;
  readonly group: GroupCommit;
  /** Reads the balance from the chain. @throws ChainError */
  readonly balanceOf: (payer: Uint8Array) => Promise<bigint>;
  /** Whether the token has accepted a transfer under this nonce, or its owner has cancelled it. @throws ChainError */
  readonly isNonceUsed: (payer: Uint8Array, nonce: Uint8Array) => Promise<boolean>;
  /** The newest block, or one shortly before it. @throws ChainError */
  readonly blockNumber: () => Promise<bigint>;
}

/** Most open vouchers of a payer: one for each of its nodes, and for each of their restarts. */
const MAX_OPEN_OF_PAYER = 64;
/** Least lifetime of a voucher, so that there is time to submit it. */
const LEAST_LIFETIME_S = 7 * 86_400;

export function createRelayPayments(price: RelayPrice, dependencies: RelayPaymentsDependencies): RelayPayments {
  const { crypto, clock, store, group, balanceOf, isNonceUsed, blockNumber } = dependencies;
  const { payee, pricePerGibAtomic, creditBytes, token } = price;
  /** Bytes that each node has paid for since this relay started. */
  const paid = new Map<string, bigint>();
  /** Least amount of a voucher. Nodes sign for twice as much at a time. */
  const leastAtomic = computeRelayFee(creditBytes / 8n, pricePerGibAtomic);
  /** Nonces whose last voucher arrived after the redeemed one. */
  const forgiven = new Set<string>();
  /** Nonces of vouchers that counted until the chain reported them as worthless. */
  const takenBack = new Set<string>();

  function addPaid(certHash: PeerId, bytes: bigint): void {
    const name = toHex(certHash);
    paid.set(name, (paid.get(name) ?? 0n) + bytes);
  }

  /** @param beforeAtomic the amount of the nonce's last voucher that is counted already. */
  function takeBack(certHash: PeerId, nonce: Uint8Array, beforeAtomic: bigint): void {
    if (beforeAtomic === 0n || takenBack.has(toHex(nonce))) return;
    takenBack.add(toHex(nonce));
    const name = toHex(certHash);
    const left = (paid.get(name) ?? 0n) - computePaidBytes(beforeAtomic, pricePerGibAtomic);
    paid.set(name, left > 0n ? left : 0n);
  }

  function isForgivable(
    before: NonNullable<ReturnType<typeof readVoucher>>,
    certHash: PeerId,
    { nonce, payer, valueAtomic }: Pick<RelayVoucher, 'nonce' | 'payer' | 'valueAtomic'>,
  ): boolean {
    const isSame = equalBytes(before.certHash, certHash) && equalBytes(before.payer, payer);
    const mayHaveBrought = before.isClosed && (before.outcome === undefined || before.outcome === 'redeemed');
    return mayHaveBrought && isSame && valueAtomic > before.valueAtomic && !forgiven.has(toHex(nonce));
  }

  /** Forgives the difference: a node cannot know that its voucher is redeemed, and counts its next signature as paid. */
  function forgive(
    before: ReturnType<typeof readVoucher>,
    certHash: PeerId,
    { nonce, payer, valueAtomic }: RelayVoucher,
  ): void {
    if (!before || !isForgivable(before, certHash, { nonce, payer, valueAtomic })) return;
    forgiven.add(toHex(nonce));
    const bytes = computePaidBytes(valueAtomic - before.valueAtomic, pricePerGibAtomic);
    addPaid(certHash, bytes < creditBytes / 2n ? bytes : creditBytes / 2n);
  }

  function open(signed: SignedRelayVoucher): RelayVoucher {
    const voucher = openRelayVoucher(crypto, { token, payee }, signed);
    if (voucher) return voucher;
    throw new Refusal('invalid', 'the voucher is not signed by its payer for this payee and token');
  }

  /**
   * Runs the cheap checks before a signature is verified, the chain is asked, or a byte is written: each costs more than dust
   * brings.
   * @returns false for a known voucher whose node did not learn of its acceptance.
   * @throws Refusal
   */
  function isWorthChecking(certHash: PeerId, { voucher: bytes }: SignedRelayVoucher): boolean {
    const voucher = parse(bytes);
    const before = store.read(() => readVoucher(store, voucher.nonce));
    // The amount that a node signed beyond a redeemed voucher is forgiven.
    if (before && isForgivable(before, certHash, voucher)) return true;
    const moreAtomic = voucher.valueAtomic - assertFollows(before, { certHash, voucher });
    if (moreAtomic === 0n) return false;
    if (moreAtomic >= leastAtomic) return true;
    throw new Refusal('invalid', `the voucher adds ${moreAtomic} atomic units, and ${leastAtomic} are the least`);
  }

  /** @throws Refusal if the payer's open vouchers and the new amount exceed its balance. */
  function assertCovered(open: readonly KeptVoucher[], moreAtomic: bigint, heldAtomic: bigint): void {
    const sumAtomic = open.reduce((sum, { valueAtomic }) => sum + valueAtomic, moreAtomic);
    if (heldAtomic >= sumAtomic) return;
    throw new Refusal(
      'precondition',
      `the payer holds ${heldAtomic} atomic units, and its vouchers are over ${sumAtomic}`,
    );
  }

  async function readChain({
    payer,
    nonce,
  }: Pick<RelayVoucher, 'payer' | 'nonce'>): Promise<[bigint, boolean, bigint]> {
    return await Promise.all([balanceOf(payer), isNonceUsed(payer, nonce), blockNumber()]).catch((cause: unknown) => {
      throw new Refusal('unavailable', `the payer's tokens cannot be read: ${(cause as Error).message}`);
    });
  }

  return {
    terms: {
      ...{ payee, pricePerGib: createWriter(16).u128(pricePerGibAtomic).finish(), creditBytes },
      ...{ chainId: token.chainId, token: token.verifyingContract },
    },
    async take(certHash, signed) {
      if (!isWorthChecking(certHash, signed)) return;
      const voucher = open(signed);
      if (voucher.validBeforeS < clock.nowMs() / 1000 + LEAST_LIFETIME_S) {
        throw new Refusal('invalid', 'the voucher ends within a week');
      }
      const before = store.read(() => readVoucher(store, voucher.nonce));
      forgive(before, certHash, voucher);
      const moreAtomic = voucher.valueAtomic - assertFollows(before, { certHash, voucher });
      assertRoom(store.read(() => listOpenVouchers(store, voucher.payer)));
      const [heldAtomic, isUsed, takenAtBlock] = await readChain(voucher);
      if (isUsed) {
        takeBack(certHash, voucher.nonce, voucher.valueAtomic - moreAtomic);
        throw new Refusal('conflict', 'the token has used the nonce of this voucher, or its payer cancelled it');
      }
      await group.write((db) => {
        // Other vouchers of this payer may have arrived while the chain was asked.
        const open = listOpenVouchers(db, voucher.payer);
        assertRoom(open);
        assertCovered(open, moreAtomic, heldAtomic);
        const known = assertFollows(readVoucher(db, voucher.nonce), { certHash, voucher });
        if (known !== voucher.valueAtomic - moreAtomic)
          throw new Refusal('unavailable', 'another voucher came meanwhile');
        const row = { ...voucher, certHash, signature: signed.signature, takenAtBlock };
        voucherRow.insert(db, 'INSERT OR REPLACE INTO vouchers', row);
      });
      addPaid(certHash, computePaidBytes(moreAtomic, pricePerGibAtomic));
    },
    isCovered: (certHash, carried) => carried <= (paid.get(toHex(certHash)) ?? 0n) + creditBytes,
    paidBytes: (certHash) => paid.get(toHex(certHash)) ?? 0n,
    forget: (certHash) => void paid.delete(toHex(certHash)),
  };
}

/** @throws RateLimited */
function assertRoom(open: readonly KeptVoucher[]): void {
  if (open.length >= MAX_OPEN_OF_PAYER) throw new RateLimited('too many vouchers of this payer wait to be redeemed');
}

/** @throws Refusal */
function parse(bytes: Uint8Array): RelayVoucher {
  try {
    return parseRelayVoucher(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new Refusal('invalid', `voucher: ${error.message}`);
  }
}

interface VoucherState {
  /** Whether further vouchers of its nonce are refused. */
  readonly isClosed: boolean;
  /** The block at which it was closed for submission. */
  readonly closedAtBlock: bigint | undefined;
  readonly outcome: string | undefined;
}

function readState(store: Store, nonce: Uint8Array): VoucherState {
  const row = stateRow.get(store.prepare(`SELECT ${stateRow.list} FROM vouchers WHERE nonce = ?`), nonce);
  const closedAtBlock = row?.closedAtBlock;
  return {
    ...{ isClosed: closedAtBlock !== undefined, outcome: row?.outcome },
    closedAtBlock: closedAtBlock === undefined ? undefined : BigInt(closedAtBlock),
  };
}

function readVoucher(store: Store, nonce: Uint8Array): (KeptVoucher & VoucherState) | undefined {
  const row = voucherRow.get(store.prepare(`SELECT ${voucherRow.list} FROM vouchers WHERE nonce = ?`), nonce);
  return row && { ...row, ...readState(store, nonce) };
}

/** @returns the amount of the voucher before it. @throws Refusal */
function assertFollows(
  before: ReturnType<typeof readVoucher>,
  { certHash, voucher }: { readonly certHash: PeerId; readonly voucher: RelayVoucher },
): bigint {
  if (before === undefined) return 0n;
  if (before.isClosed) throw new Refusal('conflict', 'the voucher of this nonce is redeemed; draw another nonce');
  const isSame = equalBytes(before.certHash, certHash) && equalBytes(before.payer, voucher.payer);
  if (!isSame || voucher.valueAtomic < before.valueAtomic) {
    throw new Refusal(
      'invalid',
      `a voucher over ${voucher.valueAtomic} does not follow one over ${before.valueAtomic}`,
    );
  }
  return before.valueAtomic;
}

/**
 * Lists those that were not paid in full. A voucher that its payer cancelled, or replaced by another transfer, stays owed.
 * @param payer undefined for all payers.
 */
export function listOpenVouchers(store: Store, payer?: Uint8Array): KeptVoucher[] {
  const sql = `SELECT ${voucherRow.list} FROM vouchers WHERE outcome IS NOT 'redeemed'`;
  if (payer === undefined) return voucherRow.all(store.prepare(sql));
  return voucherRow.all(store.prepare(`${sql} AND payer = ?`), payer);
}

/** Lists vouchers whose outcome is unknown, submitted ones included. */
export function listUnsettledVouchers(store: Store): (KeptVoucher & VoucherState)[] {
  const sql = `SELECT ${voucherRow.list} FROM vouchers WHERE outcome IS NULL`;
  return voucherRow.all(store.prepare(sql)).map((row) => ({ ...row, ...readState(store, row.nonce) }));
}

/** Closes a voucher before its submission: further vouchers of its nonce are refused. @param atBlock the newest one. */
export function closeVoucher(store: Store, nonce: Uint8Array, atBlock: bigint): void {
  store.prepare('UPDATE vouchers SET closed_at_block = ? WHERE nonce = ?').run(atBlock, nonce);
}

/** Opens a voucher again that the chain refused: it may be submitted again, with its later amount. */
export function reopenVoucher(store: Store, nonce: Uint8Array): void {
  store.prepare('UPDATE vouchers SET closed_at_block = NULL WHERE nonce = ?').run(nonce);
}

export function settleVoucher(store: Store, nonce: Uint8Array, outcome: VoucherOutcome): void {
  store.prepare('UPDATE vouchers SET outcome = ? WHERE nonce = ?').run(outcome, nonce);
}
