import { concatBytes, equalBytes, ProtocolError } from '../../../base/bytes.ts';
import { encodeDomain } from '../../../base/canonical.ts';
import { bytes, type CodecType, createFormat, hash, struct, u8, u32, within } from '../../../base/codec.ts';
import { type CommittedBlob, createBlobHasher } from '../../../commitment/blob.ts';
import { computeEdgeRoot, type EdgeValues } from '../../../commitment/edge-values.ts';
import type { SketchBank } from '../../../commitment/sketch.ts';
import type { Crypto, Ed25519Signer } from '../../../crypto/crypto.ts';
import { ED25519_SIGNATURE_BYTES } from '../../../crypto/hybrid.ts';
import { decodeValues, VALUE_BYTES } from '../../shared/values.ts';
import { MAX_TURNS } from './boundary-pass.ts';
import type { BoundaryRows, StandingPass } from './boundary-rows.ts';
import { createEdgeHasher } from './edge-hasher.ts';

/** The commitment of both ends to the rows that stand when the reply ends. */
export interface BoundaryCommitment extends EdgeValues {
  /** Passes that the sender has signed, less those before its first one: the turn that would be next. */
  readonly turns: number;
  /** All rows, under the answer's blind. */
  readonly blob: CommittedBlob;
  /** Root of the edge's values, 32 bytes. */
  readonly root: Uint8Array;
}

/** Bytes of rows that are hashed in one step. */
const STEP_BYTES = 1 << 20;

interface CommittedRows extends Pick<BoundaryRows, 'positions' | 'nextTurn' | 'rowBytes'> {
  readonly standing: readonly Pick<StandingPass, 'bytes'>[];
}

/**
 * Commits to the rows that stand. A row of 8,192 values takes about 0.7 ms.
 * @param blind of the answer, 32 bytes. @param bank of the reply's header.
 * @throws ProtocolError `malformed` if no row stands. @internal for tests and vectors: providers commit in steps
 */
export function commitBoundary(...given: Parameters<typeof commitBoundaryInSteps>): BoundaryCommitment {
  const steps = commitBoundaryInSteps(...given);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Commits as commitBoundary does, a row a step. The rows may change between steps: the first step notes those that stand. */
export function* commitBoundaryInSteps(
  crypto: Crypto,
  { positions, nextTurn, rowBytes, standing }: CommittedRows,
  { blind, bank }: { readonly blind: Uint8Array; readonly bank: SketchBank },
): Generator<void, BoundaryCommitment> {
  if (rowBytes !== bank.embeddingSize * VALUE_BYTES)
    throw new ProtocolError('out-of-range', `rows of ${rowBytes} bytes for a bank of ${bank.embeddingSize} values`);
  const hasher = createEdgeHasher(crypto, { blind, bank });
  for (const { bytes: rows } of [...standing]) {
    for (let at = 0; at < rows.length; at += rowBytes) {
      hasher.push(decodeValues(rows.subarray(at, at + rowBytes), bank.embeddingSize));
      yield;
    }
  }
  const { values, blob } = hasher.finish();
  return { ...values, positions, turns: nextTurn, blob, root: computeEdgeRoot(crypto, values, blind) };
}

/**
 * Computes the `input` of a root, 1 MiB a step: the root of the blob of the rows that its sender received, 32 bytes.
 * @param received rows, or the leader's tokens for the shard at place 0. They may change between steps. @param blind of the answer, 32 bytes.
 * @throws ProtocolError `malformed` if no row stands.
 */
export function* hashInputInSteps(
  crypto: Crypto,
  { standing }: Pick<CommittedRows, 'standing'>,
  blind: Uint8Array,
): Generator<void, Uint8Array> {
  const hasher = createBlobHasher(crypto, blind);
  for (const { bytes: rows } of [...standing]) {
    for (let at = 0; at < rows.length; at += STEP_BYTES) {
      hasher.push(rows.subarray(at, at + STEP_BYTES));
      yield;
    }
  }
  return hasher.finish().ref.root;
}

const statementFields = {
  orderHash: hash,
  /** Of the sender in the cohort. */
  place: u8,
  positions: u32,
  /** The turn that would be next: the root is about all passes before it. */
  turns: within(u32, 1, MAX_TURNS),
  root: hash,
  /** Root of the blob of the rows that the sender received; at place 0 of the leader's tokens, u32 big-endian as in its passes. */
  input: hash,
};
const ROOT_TAG = 'ogong-boundary-root-v1';
const statementCodec = struct(statementFields);
const encodeStatement = createFormat(statementCodec, { tag: ROOT_TAG }).encode;
const signedFormat = createFormat(struct({ ...statementFields, signature: bytes(ED25519_SIGNATURE_BYTES) }), {
  tag: ROOT_TAG,
});

export interface RootStatement extends CodecType<typeof statementCodec> {}
/** A sender's root with its signature, as it is carried to the leader. */
export interface BoundaryRoot extends RootStatement {
  /** By the sender's session key, over the encoding without it. */
  readonly signature: Uint8Array;
}

/** "ogong-boundary-root-v1\n" || orderHash[32] || u8 place || u32 positions || u32 turns || root[32] || input[32] || signature[64]. */
export const encodeBoundaryRoot: (root: BoundaryRoot) => Uint8Array = signedFormat.encode;
/** @throws ProtocolError */
export const parseBoundaryRoot: (encoded: Uint8Array) => BoundaryRoot = signedFormat.decode;

export const signBoundaryRoot = (signer: Ed25519Signer, statement: RootStatement): BoundaryRoot => ({
  ...statement,
  signature: signer.sign(encodeStatement(statement)),
});

export interface BoundarySender {
  readonly orderHash: Uint8Array;
  readonly place: number;
  /** Session key that the sender's consent names, 32 bytes. */
  readonly senderKey: Uint8Array;
}

/** Returns whether this sender signed the root for this order. Nobody can sign for 0 turns, or for more than an order has. */
export const verifyBoundaryRoot = (
  crypto: Crypto,
  { orderHash, place, senderKey }: BoundarySender,
  { signature, ...statement }: BoundaryRoot,
): boolean =>
  statement.place === place &&
  equalBytes(statement.orderHash, orderHash) &&
  statement.turns >= 1 &&
  statement.turns <= MAX_TURNS &&
  crypto.verifyEd25519(signature, encodeStatement(statement), senderKey);

const RECEIPT_DOMAIN = encodeDomain('ogong-boundary-receipt-v1');

const encodeReceipt = (crypto: Crypto, root: BoundaryRoot): Uint8Array =>
  concatBytes(RECEIPT_DOMAIN, crypto.sha256(encodeBoundaryRoot(root)));

/** Signs that the leader has a root. @param signer holds the leader's session key. @returns 64 bytes. */
export const signRootReceipt = (crypto: Crypto, signer: Ed25519Signer, root: BoundaryRoot): Uint8Array =>
  signer.sign(encodeReceipt(crypto, root));

/** @param receipt of the leader for the root, 64 bytes. */
export const verifyRootReceipt = (
  crypto: Crypto,
  {
    leaderKey,
    root,
    receipt,
  }: { readonly leaderKey: Uint8Array; readonly root: BoundaryRoot; readonly receipt: Uint8Array },
): boolean => crypto.verifyEd25519(receipt, encodeReceipt(crypto, root), leaderKey);
