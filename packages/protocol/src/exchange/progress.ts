import { concatBytes, equalBytes, utf8Encode } from '../base/bytes.ts';
import { type CodecType, createFormat, struct } from '../base/codec.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { FIRST_MILESTONE_TOKENS } from './limits.ts';
import { hashLedgerDomain, type LedgerDomain, type NamedOrder, type Payer, verifyPayer } from './order.ts';

const PROGRESS = {
  /** Of the order that the payer signed. */
  orderHash: abi.bytes32,
  /** Length of the received text, UTF-8 bytes. */
  textBytes: abi.uint32,
  /** hashBeginning of these bytes. */
  textHash: abi.bytes32,
  /** Set if the payer wants no more of the reply. */
  hasLeft: named('left', abi.bool),
};
const progressCodec = struct(PROGRESS);
const progressFormat = createFormat(progressCodec, { tag: 'ogong-progress-v1' });
const typedProgress = createTypedStruct('Progress', PROGRESS);

/**
 * The payer's signed statement of how much of a reply it has received, and whether it has left (docs/spec/progress.md). The fee
 * of a truncated reply depends on this statement alone.
 */
export interface Progress extends CodecType<typeof progressCodec> {}

/** A progress statement as it is sent and stored. */
export interface SignedProgress {
  readonly progress: Uint8Array;
  /** 65 bytes, by the payer. */
  readonly signature: Uint8Array;
}

export const encodeProgress: (progress: Progress) => Uint8Array = progressFormat.encode;
/** @throws ProtocolError */
export const parseProgress: (bytes: Uint8Array) => Progress = progressFormat.decode;

/** The 32-byte digest that the payer signs. */
export function hashProgress(crypto: Crypto, ledger: LedgerDomain, progress: Progress): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedProgress.hash(crypto, progress));
}

export function signProgress(
  crypto: Crypto,
  payer: LedgerSigner,
  { ledger, ...progress }: Progress & { readonly ledger: LedgerDomain },
): SignedProgress {
  return {
    progress: encodeProgress(progress),
    signature: payer.signDigest(hashProgress(crypto, ledger, progress)),
  };
}

/** The text of a progress statement, with the blind of its answer (blinds.ts), or only its length if only that is shown. */
export type ProgressedText = { readonly blind: Uint8Array; readonly text: Uint8Array } | { readonly sizeBytes: number };

const TEXT_DOMAIN = utf8Encode('ogong-progress-text-v1\n');

/** The hash for a beginning without text. A sealing consumer then need not reveal the blind. */
export const NO_BEGINNING: Uint8Array = new Uint8Array(32);

/** Computes the hash by which a progress statement names the beginning of a text. @param blind of the answer (blinds.ts). */
export const hashBeginning = (crypto: Crypto, blind: Uint8Array, beginning: Uint8Array): Uint8Array =>
  beginning.length === 0 ? NO_BEGINNING : crypto.sha256(TEXT_DOMAIN, blind, beginning);

/** Returns the bytes that hashBeginning hashes before a text, for a reader that gets the text in parts. */
export const openBeginning = (blind: Uint8Array): Uint8Array => concatBytes(TEXT_DOMAIN, blind);

/**
 * Opens a progress statement.
 * @param text of the reply, or the part that was sent. If only its length is shown, the hash of the beginning is not compared.
 * @returns the statement, if the order's payer signed it for this order and a beginning of this text; undefined otherwise.
 * @throws ProtocolError if the bytes do not parse.
 */
export function openProgress(
  crypto: Crypto,
  { ledger, order }: { readonly ledger: LedgerDomain; readonly order: Payer & Pick<NamedOrder, 'orderHash'> },
  { progress: bytes, signature }: SignedProgress,
  text: ProgressedText,
): Progress | undefined {
  const progress = parseProgress(bytes);
  if (!equalBytes(progress.orderHash, order.orderHash) || !isBeginning(crypto, progress, text)) return undefined;
  return verifyPayer(crypto, order, { digest: hashProgress(crypto, ledger, progress), signature })
    ? progress
    : undefined;
}

/**
 * Returns whether the payer has taken a reply of a request with a standby price: it has signed that it has some of the text.
 */
export const isTaken = (progress: Pick<Progress, 'textBytes'> | undefined): boolean =>
  progress !== undefined && progress.textBytes > 0;

function isBeginning(crypto: Crypto, { textBytes, textHash }: Progress, shown: ProgressedText): boolean {
  if ('sizeBytes' in shown) return textBytes <= shown.sizeBytes;
  const { blind, text } = shown;
  return textBytes <= text.length && equalBytes(hashBeginning(crypto, blind, text.subarray(0, textBytes)), textHash);
}

/**
 * Returns whether a text of so many tokens may have a milestone. Each is checked from the start of the text, so their distances
 * grow with it.
 * @param passedTokens tokens at the milestone before; 0 if there is none.
 */
export function isMilestoneDue(tokens: number, passedTokens: number): boolean {
  return tokens >= FIRST_MILESTONE_TOKENS && 4 * tokens >= 5 * passedTokens && tokens > passedTokens;
}
