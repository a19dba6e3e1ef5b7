import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { bytes, columns, integer, mapped, named, text } from '@ogong/host/store/columns';
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
    redeemed INTEGER NOT NULL DEFAULT 0 CHECK (redeemed IN (0, 1))
  ) STRICT;
  CREATE INDEX vouchers_by_payer ON vouchers (payer) WHERE redeemed = 0;`;

const atomic = mapped(text, BigInt, String);
const voucherRow = columns({
  nonce: bytes,
  certHash: bytes,
  payer: bytes,
  valueAtomic: named('value', atomic),
  validBeforeS: named('valid_before', integer),
  signature: bytes,
});
const redeemedRow = columns({ redeemed: integer });

export type KeptVoucher = ReturnType<typeof voucherRow.read>;

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
}

export interface RelayPaymentsDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Opened with RELAY_SCHEMA. */
  readonly store: Store;
  readonly group: GroupCommit;
  /** As the chain has it now. @throws ChainError */
  readonly balanceOf: (payer: Uint8Array) => Promise<bigint>;
}

/** Vouchers that a payer may have open: one for each of its nodes, and for each of their starts. */
const MAX_OPEN_OF_PAYER = 64;
/** Time to submit it. */
const LEAST_LIFETIME_S = 7 * 86_400;

export function createRelayPayments(price: RelayPrice, dependencies: RelayPaymentsDependencies): RelayPayments {
  const { crypto, clock, store, group, balanceOf } = dependencies;
  const { payee, pricePerGibAtomic, creditBytes, token } = price;
  /** Bytes that each node has paid for since this relay started. */
  const paid = new Map<string, bigint>();
  /** Nodes sign for twice as much at a time. */
  const leastAtomic = computeRelayFee(creditBytes / 8n, pricePerGibAtomic);
  /** Nonces whose last voucher came after the one that was redeemed. */
  const forgiven = new Set<string>();

  function addPaid(certHash: PeerId, bytes: bigint): void {
    const name = toHex(certHash);
    paid.set(name, (paid.get(name) ?? 0n) + bytes);
  }

  function isForgivable(
    before: NonNullable<ReturnType<typeof readVoucher>>,
    certHash: PeerId,
    { nonce, payer, valueAtomic }: Pick<RelayVoucher, 'nonce' | 'payer' | 'valueAtomic'>,
  ): boolean {
    const isSame = equalBytes(before.certHash, certHash) && equalBytes(before.payer, payer);
    return before.isRedeemed && isSame && valueAtomic > before.valueAtomic && !forgiven.has(toHex(nonce));
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

  async function readHeld(payer: Uint8Array): Promise<bigint> {
    return await balanceOf(payer).catch((cause: unknown) => {
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
      const heldAtomic = await readHeld(voucher.payer);
      await group.write((db) => {
        // Others of this payer may have come while the chain was asked.
        const open = listOpenVouchers(db, voucher.payer);
        assertRoom(open);
        assertCovered(open, moreAtomic, heldAtomic);
        const known = assertFollows(readVoucher(db, voucher.nonce), { certHash, voucher });
        if (known !== voucher.valueAtomic - moreAtomic)
          throw new Refusal('unavailable', 'another voucher came meanwhile');
        voucherRow.insert(db, 'INSERT OR REPLACE INTO vouchers', { ...voucher, certHash, signature: signed.signature });
      });
      addPaid(certHash, computePaidBytes(moreAtomic, pricePerGibAtomic));
    },
    isCovered: (certHash, carried) => carried <= (paid.get(toHex(certHash)) ?? 0n) + creditBytes,
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

function readVoucher(store: Store, nonce: Uint8Array): (KeptVoucher & { readonly isRedeemed: boolean }) | undefined {
  const row = voucherRow.get(store.prepare(`SELECT ${voucherRow.list} FROM vouchers WHERE nonce = ?`), nonce);
  const state = redeemedRow.get(store.prepare(`SELECT ${redeemedRow.list} FROM vouchers WHERE nonce = ?`), nonce);
  return row && { ...row, isRedeemed: state?.redeemed === 1 };
}

/** @returns what the voucher before it was over. @throws Refusal */
function assertFollows(
  before: ReturnType<typeof readVoucher>,
  { certHash, voucher }: { readonly certHash: PeerId; readonly voucher: RelayVoucher },
): bigint {
  if (before === undefined) return 0n;
  if (before.isRedeemed) throw new Refusal('conflict', 'the voucher of this nonce is redeemed; draw another nonce');
  const isSame = equalBytes(before.certHash, certHash) && equalBytes(before.payer, voucher.payer);
  if (!isSame || voucher.valueAtomic < before.valueAtomic) {
    throw new Refusal(
      'invalid',
      `a voucher over ${voucher.valueAtomic} does not follow one over ${before.valueAtomic}`,
    );
  }
  return before.valueAtomic;
}

/** Those that were not redeemed. @param payer of all payers where it is undefined. */
export function listOpenVouchers(store: Store, payer?: Uint8Array): KeptVoucher[] {
  const sql = `SELECT ${voucherRow.list} FROM vouchers WHERE redeemed = 0`;
  if (payer === undefined) return voucherRow.all(store.prepare(sql));
  return voucherRow.all(store.prepare(`${sql} AND payer = ?`), payer);
}

/** No further voucher of its nonce is taken from now on: called before it is submitted. */
export function closeVoucher(store: Store, nonce: Uint8Array): void {
  store.prepare('UPDATE vouchers SET redeemed = 1 WHERE nonce = ?').run(nonce);
}

/** The chain did not take it, and it may be submitted again. */
export function reopenVoucher(store: Store, nonce: Uint8Array): void {
  store.prepare('UPDATE vouchers SET redeemed = 0 WHERE nonce = ?').run(nonce);
}
