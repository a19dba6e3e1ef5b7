import { encodeFunctionData, recoverAddress } from 'viem';
import { ChainError } from '../errors.ts';
import { settlementAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, toAddress, toHex } from '../hex.ts';

export interface LedgerBatch {
  readonly validator: BytesLike;
  /** From 1, without gaps. */
  readonly sequence: bigint;
  readonly logHead: BytesLike;
  readonly logLength: bigint;
  readonly recordsRoot: BytesLike;
  readonly replies: number;
}

export interface LedgerDebit {
  readonly payer: BytesLike;
  readonly amount: bigint;
  readonly cumulative: bigint;
  readonly termsHash: BytesLike;
  /** 65 bytes, by the payer, over the order's digest. */
  readonly signature: BytesLike;
}

export interface LedgerLine {
  /** The provider's key. */
  readonly providerId: BytesLike;
  readonly payee: BytesLike;
  /** Zero address where no router took part. */
  readonly router: BytesLike;
  readonly gross: bigint;
  /** The part of gross that goes to the verification pool whole. Default: none. */
  readonly fine?: bigint;
  /** Content root of the model. Default: none, as where makers have no share. */
  readonly modelRoot?: BytesLike;
}

export interface LedgerTally {
  readonly payee: BytesLike;
  readonly credits: number;
  readonly refuted: number;
}

export interface SettleCall {
  readonly batch: LedgerBatch;
  readonly debits: readonly LedgerDebit[];
  readonly lines: readonly LedgerLine[];
  /** Provider ids. */
  readonly ejections: readonly BytesLike[];
  /** Verifiers with their work. */
  readonly tallies: readonly LedgerTally[];
  /** 65-byte signatures over the batch digest, in ascending order of their signers' addresses; or one sum of many (roster.ts). */
  readonly quorum: readonly BytesLike[];
}

/** Bytes of a sum of signatures: its coordinates, and who signed. */
const SUM_BYTES = 288;

/** A signature, or a sum of many. @throws ChainError 'bad-input' */
export const toQuorumElement = (element: BytesLike): Hex => {
  const isSum = (typeof element === 'string' ? (element.length - 2) / 2 : element.length) === SUM_BYTES;
  return toHex(element, 'quorum', isSum ? SUM_BYTES : 65);
};

const S_HEX = 64;

/** The short form of a payer's signature, as debits carry it (ERC-2098). @throws ChainError 'bad-input' */
export function shorten(given: BytesLike): { readonly r: Hex; readonly vs: Hex } {
  const signature = toHex(given, 'debit.signature', 65).slice(2);
  const s = BigInt(`0x${signature.slice(S_HEX, 2 * S_HEX)}`);
  const v = signature.slice(2 * S_HEX);
  if (s >> 255n !== 0n || (v !== '1b' && v !== '1c')) {
    throw new ChainError('bad-input', 'debit.signature has no short form');
  }
  const parity = v === '1c' ? 1n << 255n : 0n;
  return { r: `0x${signature.slice(0, S_HEX)}`, vs: `0x${(s | parity).toString(16).padStart(S_HEX, '0')}` };
}

/** The inverse of `shorten`. */
export function lengthen({ r, vs }: { readonly r: Hex; readonly vs: Hex }): Hex {
  const s = BigInt(vs) & ((1n << 255n) - 1n);
  return `${r}${s.toString(16).padStart(S_HEX, '0')}${BigInt(vs) >> 255n === 1n ? '1c' : '1b'}`;
}

/** Calldata of Settlement.settle. @throws ChainError 'bad-input' naming a field of the wrong size. */
export function encodeSettle({ batch, debits, lines, ejections, tallies, quorum }: SettleCall): Hex {
  return encodeFunctionData({
    abi: settlementAbi,
    functionName: 'settle',
    args: [
      {
        validator: toAddress(batch.validator, 'batch.validator'),
        sequence: batch.sequence,
        logHead: toHex(batch.logHead, 'batch.logHead', 32),
        logLength: batch.logLength,
        recordsRoot: toHex(batch.recordsRoot, 'batch.recordsRoot', 32),
        replies: batch.replies,
      },
      debits.map((debit) => ({
        payer: toAddress(debit.payer, 'debit.payer'),
        amount: debit.amount,
        cumulative: debit.cumulative,
        termsHash: toHex(debit.termsHash, 'debit.termsHash', 32),
        ...shorten(debit.signature),
      })),
      lines.map((line) => ({
        providerId: toHex(line.providerId, 'line.providerId', 32),
        payee: toAddress(line.payee, 'line.payee'),
        router: toAddress(line.router, 'line.router'),
        gross: line.gross,
        fine: line.fine ?? 0n,
        modelRoot: toHex(line.modelRoot ?? new Uint8Array(32), 'line.modelRoot', 32),
      })),
      ejections.map((id) => toHex(id, 'ejections', 32)),
      tallies.map(({ payee, ...counts }) => ({ payee: toAddress(payee, 'tally.payee'), ...counts })),
      quorum.map(toQuorumElement),
    ],
  });
}

/**
 * Puts quorum signatures into the order that the contract demands.
 * @internal for tests of the contracts
 */
export async function sortQuorum(digest: BytesLike, signatures: readonly BytesLike[]): Promise<Hex[]> {
  const hash = toHex(digest, 'digest', 32);
  const signed = await Promise.all(
    signatures.map(async (value) => {
      const signature = toHex(value, 'quorum', 65);
      return { signature, signer: (await recoverAddress({ hash, signature })).toLowerCase() as Address };
    }),
  );
  return signed
    .sort((a, b) => (a.signer < b.signer ? -1 : a.signer > b.signer ? 1 : 0))
    .map(({ signature }) => signature);
}
