import { createReader, createWriter, ProtocolError } from '../../../base/bytes.ts';
import { bytes, type CodecType, oneOf, struct, u16, u32, within } from '../../../base/codec.ts';
import type { Crypto, Ed25519Signer } from '../../../crypto/crypto.ts';
import { ED25519_SIGNATURE_BYTES } from '../../../crypto/hybrid.ts';
import { type BoundaryRows, createBoundaryRows } from './boundary-rows.ts';
import type { PassContent } from './pass-content.ts';

/** The largest payload of one pass: 512 rows of 32,768 values. */
export const MAX_PASS_BYTES: number = 64 * 1024 * 1024;
/** The most passes over one edge of one order. */
export const MAX_TURNS: number = 2 ** 18;

/** Purposes of a pass: a piece of the prompt, new tokens with guesses, or a given text to score. */
export const PASS_KINDS = ['prompt', 'step', 'score'] as const;
export type PassKind = (typeof PASS_KINDS)[number];

/** Fields of a pass that its proof has, too. */
export const passFields = {
  kind: oneOf(PASS_KINDS),
  /** Of the first row, from 0. */
  position: u32,
  rows: within(u16, 1, 65_535),
};
/** Counts the passes of this edge and order, from 0. */
export const turnCodec = within(u32, 0, MAX_TURNS - 1);
const headCodec = struct({ turn: turnCodec, ...passFields });
const signedHeadCodec = struct({ head: headCodec, signature: bytes(ED25519_SIGNATURE_BYTES) });
const SIGNED_HEAD_BYTES = 4 + 1 + 4 + 2 + ED25519_SIGNATURE_BYTES;

export interface PassHead extends CodecType<typeof headCodec> {}

/** One pass of one order from a shard to the next: rows of hidden states, or tokens (docs/spec/boundary.md). */
export interface BoundaryPass {
  readonly head: PassHead;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
  /** Bytes of the rows. */
  readonly payload: Uint8Array;
}

/** u32 turn || u8 kind || u32 position || u16 rows || signature[64] || payload. @throws ProtocolError */
export function encodeBoundaryPass({ head, signature, payload }: BoundaryPass): Uint8Array {
  if (payload.length > MAX_PASS_BYTES) throw new ProtocolError('too-large', `a pass of ${payload.length} bytes`);
  const writer = createWriter(SIGNED_HEAD_BYTES + payload.length);
  signedHeadCodec.write(writer, { head, signature });
  return writer.bytes(payload).finish();
}

/** @returns a pass whose payload is a view of the bytes. @throws ProtocolError */
export function parseBoundaryPass(encoded: Uint8Array): BoundaryPass {
  if (encoded.length > SIGNED_HEAD_BYTES + MAX_PASS_BYTES)
    throw new ProtocolError('too-large', `a pass of ${encoded.length} bytes`);
  const signed = signedHeadCodec.read(createReader(encoded.subarray(0, SIGNED_HEAD_BYTES)));
  return { ...signed, payload: encoded.subarray(SIGNED_HEAD_BYTES) };
}

/** One direction between two shards of one order. */
export interface BoundaryEdge<T = unknown> {
  /** Digest of the order, 32 bytes. */
  readonly orderHash: Uint8Array;
  /** Place of the sender in the cohort, 0..63. */
  readonly place: number;
  /** Blind of the answer, 32 bytes (commitment/blinds.ts). */
  readonly blind: Uint8Array;
  readonly content: PassContent<T>;
}

/** Hashes each row of a payload, 32 bytes each. Dropped rows are later named by these hashes. */
export function hashRows(crypto: Crypto, { blind, content }: BoundaryEdge, payload: Uint8Array): Uint8Array[] {
  const { rowBytes } = content;
  return Array.from({ length: payload.length / rowBytes }, (_, i) =>
    crypto.sha256(blind, payload.subarray(i * rowBytes, (i + 1) * rowBytes)),
  );
}

/** Encodes the bytes that the sender signs. @param rowHashes of all rows of the pass. */
export function encodePassStatement(
  crypto: Crypto,
  { orderHash, place, blind, content }: BoundaryEdge,
  head: PassHead,
  rowHashes: readonly Uint8Array[],
): Uint8Array {
  const writer = createWriter(128).bytes(content.domain).bytes(orderHash, 32).u8(place);
  headCodec.write(writer, head);
  return writer.bytes(crypto.sha256(blind, ...rowHashes)).finish();
}

export interface PassSender<T> {
  readonly kept: BoundaryRows;
  /**
   * Signs the next pass and keeps its rows. Rows at or behind `position` that stand so far are dropped.
   * @param values of all rows of the pass; copied.
   * @throws ProtocolError if a receiver would refuse the pass.
   */
  send(kind: PassKind, position: number, values: T): BoundaryPass;
}

export interface EdgeLimits {
  /** The most positions that can stand. */
  readonly maxPositions: number;
  /** Turn of the first pass. Above 0 for a receiver that replaces another one; the sender counts on. Default 0. */
  readonly firstTurn?: number;
}

/** @param signer holds the sender's session key of this order. */
export function createPassSender<T>(
  crypto: Crypto,
  edge: BoundaryEdge<T>,
  { signer, ...limits }: EdgeLimits & { readonly signer: Ed25519Signer },
): PassSender<T> {
  const kept = createBoundaryRows(edge.content.rowBytes, limits);
  return {
    kept,
    send(kind, position, values) {
      const payload = edge.content.encode(values);
      const head = { turn: kept.nextTurn, kind, position, rows: payload.length / edge.content.rowBytes };
      const problem = findSizeProblem(edge, head, payload) ?? kept.findProblem(head);
      if (problem !== undefined) throw new ProtocolError('out-of-range', problem);
      const rowHashes = hashRows(crypto, edge, payload);
      const signature = signer.sign(encodePassStatement(crypto, edge, head, rowHashes));
      kept.add({ head, signature, rowHashes }, payload);
      return { head, signature, payload };
    },
  };
}

function findSizeProblem({ content }: BoundaryEdge, { rows }: PassHead, payload: Uint8Array): string | undefined {
  if (rows < 1 || payload.length > MAX_PASS_BYTES) return `a pass of ${rows} rows and ${payload.length} bytes`;
  return payload.length === rows * content.rowBytes ? undefined : `${payload.length} bytes are not ${rows} rows`;
}

/** Reasons to refuse a pass, in the order of their checks: all but the last two cost nothing. */
export type PassRefusal = 'turn' | 'size' | 'position' | 'signature' | 'values';

export type PassResult<T> =
  | { readonly ok: true; readonly head: PassHead; readonly values: T }
  | { readonly ok: false; readonly reason: PassRefusal; readonly detail: string };

export interface PassReceiver<T> {
  readonly kept: BoundaryRows;
  /** Checks a pass and keeps a copy of its payload. A refused pass changes nothing. @returns values, to be read only: they may be the kept rows. */
  accept(pass: BoundaryPass): PassResult<T>;
}

export interface ReceiverLimits extends EdgeLimits {
  /** The most passes over this edge, 1..MAX_TURNS. */
  readonly maxTurns: number;
  /** The most rows of one pass. */
  readonly maxRows: number;
}

/** @param senderKey Ed25519 session key that the sender's consent names, 32 bytes. */
export function createPassReceiver<T>(
  crypto: Crypto,
  edge: BoundaryEdge<T>,
  { senderKey, maxTurns, maxRows, ...limits }: ReceiverLimits & { readonly senderKey: Uint8Array },
): PassReceiver<T> {
  const kept = createBoundaryRows(edge.content.rowBytes, limits);
  const refuse = (reason: PassRefusal, detail: string): PassResult<T> => ({ ok: false, reason, detail });
  return {
    kept,
    accept({ head, signature, payload }) {
      const { turn, rows } = head;
      if (turn !== kept.nextTurn || turn >= maxTurns)
        return refuse('turn', `turn ${turn} came instead of ${kept.nextTurn}; at most ${maxTurns} passes`);
      if (rows > maxRows) return refuse('size', `${rows} rows came; at most ${maxRows} are allowed`);
      const wrongSize = findSizeProblem(edge, head, payload);
      if (wrongSize !== undefined) return refuse('size', wrongSize);
      const problem = kept.findProblem(head);
      if (problem !== undefined) return refuse('position', problem);
      const rowHashes = hashRows(crypto, edge, payload);
      if (!crypto.verifyEd25519(signature, encodePassStatement(crypto, edge, head, rowHashes), senderKey))
        return refuse('signature', `the session key of place ${edge.place} has not signed this pass`);
      // The payload is a part of a message with many passes, which must not stay in memory for it.
      const own = payload.slice();
      const values = edge.content.decode(own);
      if (values === undefined) return refuse('values', 'a value is out of range');
      kept.add({ head, signature, rowHashes }, own);
      return { ok: true, head, values };
    },
  };
}
