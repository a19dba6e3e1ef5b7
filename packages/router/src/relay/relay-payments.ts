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
} from '@ogong/protocol/exchange/relay-voucher';

/** What a relay wants for carrying. */
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

/** What became of a voucher, by the chain: paid, cancelled by its payer, or its nonce went to another transfer. */
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
  /** Whether the node has paid for all of so many bytes but the credit. */
  isCovered(certHash: PeerId, bytes: bigint): boolean;
  /** Bytes that vouchers of the node count for since it was met. */
  paidBytes(certHash: PeerId): bigint;
  /** Its bytes count from nothing again, and so does what it paid. */
  forget(certHash: PeerId): void;
}

export interface RelayPaymentsDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Opened with RELAY_SCHEMA. */
  readonly store: Store;
  readonly group: GroupCommit;
  /** As the chain has it now. @throws ChainError */
  readonly balanceOf: (payer: Uint8Array) => Promise<bigint>;
  /** Whether the token has taken a transfer under this nonce, or its owner has cancelled it. @throws ChainError */
  readonly isNonceUsed: (payer: Uint8Array, nonce: Uint8Array) => Promise<boolean>;
  /** The newest block, or one shortly before it. @throws ChainError */
  readonly blockNumber: () => Promise<bigint>;
}

/** Vouchers that a payer may have open: one for each of its nodes, and for each of their starts. */
const MAX_OPEN_OF_PAYER = 64;
/** Time to submit it. */
const LEAST_LIFETIME_S = 7 * 86_400;

export function createRelayPayments(price: RelayPrice, dependencies: RelayPaymentsDependencies): RelayPayments {
  const { crypto, clock, store, group, balanceOf, isNonceUsed, blockNumber } = dependencies;
  const { payee, pricePerGibAtomic, creditBytes, token } = price;
  /** Bytes that each node has paid for since this relay started. */
  const paid = new Map<string, bigint>();
  /** Nodes sign for twice as much at a time. */
  const leastAtomic = computeRelayFee(creditBytes / 8n, pricePerGibAtomic);
  /** Nonces whose last voucher came after the one that was redeemed. */
  const forgiven = new Set<string>();
  /** Nonces of vouchers that counted until the chain said that they bring nothing. */
  const takenBack = new Set<string>();

  function addPaid(certHash: PeerId, bytes: bigint): void {
    const name = toHex(certHash);
    paid.set(name, (paid.get(name) ?? 0n) + bytes);
  }

  /** @param beforeAtomic what the last voucher of the nonce was over, and counted for. */
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

  /** A node cannot know that its voucher is redeemed, and counts what it signed next as paid. */
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
   * Before a signature is checked, the chain is asked, or a byte is written: each costs more than dust brings.
   * @returns false where there is nothing new in it: its node did not learn that it was taken. @throws Refusal
   */
  function isWorthChecking(certHash: PeerId, { voucher: bytes }: SignedRelayVoucher): boolean {
    const voucher = parse(bytes);
    const before = store.read(() => readVoucher(store, voucher.nonce));
    // What a node signed beyond one that was redeemed is forgiven it.
    if (before && isForgivable(before, certHash, voucher)) return true;
    const moreAtomic = voucher.valueAtomic - assertFollows(before, { certHash, voucher });
    if (moreAtomic === 0n) return false;
    if (moreAtomic >= leastAtomic) return true;
    throw new Refusal('invalid', `the voucher adds ${moreAtomic} atomic units, and ${leastAtomic} are the least`);
  }

  /** @throws Refusal where the payer's open vouchers and so much more are over more than it holds. */
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
        // Others of this payer may have come while the chain was asked.
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
  /** No further voucher of its nonce is taken. */
  readonly isClosed: boolean;
  /** The block before which it was not submitted, where it was closed to be. */
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

/** @returns what the voucher before it was over. @throws Refusal */
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

/** Those that were not paid in full: what its payer cancelled, or replaced by another transfer, stays owed. @param payer of all payers where it is undefined. */
export function listOpenVouchers(store: Store, payer?: Uint8Array): KeptVoucher[] {
  const sql = `SELECT ${voucherRow.list} FROM vouchers WHERE outcome IS NOT 'redeemed'`;
  if (payer === undefined) return voucherRow.all(store.prepare(sql));
  return voucherRow.all(store.prepare(`${sql} AND payer = ?`), payer);
}

/** Those of which nobody knows yet what became of them, also those that were submitted. */
export function listUnsettledVouchers(store: Store): (KeptVoucher & VoucherState)[] {
  const sql = `SELECT ${voucherRow.list} FROM vouchers WHERE outcome IS NULL`;
  return voucherRow.all(store.prepare(sql)).map((row) => ({ ...row, ...readState(store, row.nonce) }));
}

/** No further voucher of its nonce is taken from now on: called before it is submitted. @param atBlock the newest one. */
export function closeVoucher(store: Store, nonce: Uint8Array, atBlock: bigint): void {
  store.prepare('UPDATE vouchers SET closed_at_block = ? WHERE nonce = ?').run(atBlock, nonce);
}

/** The chain did not take it, nor will it take what was sent: it may be submitted again, with what follows it. */
export function reopenVoucher(store: Store, nonce: Uint8Array): void {
  store.prepare('UPDATE vouchers SET closed_at_block = NULL WHERE nonce = ?').run(nonce);
}

export function settleVoucher(store: Store, nonce: Uint8Array, outcome: VoucherOutcome): void {
  store.prepare('UPDATE vouchers SET outcome = ? WHERE nonce = ?').run(outcome, nonce);
}
