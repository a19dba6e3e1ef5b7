import { bytes, type CodecType, createFormat, hash, list, struct, u16, u32, within } from '../../../base/codec.ts';
import { MAX_BLOB_BYTES } from '../../../commitment/blob.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { ED25519_SIGNATURE_BYTES } from '../../../crypto/hybrid.ts';
import { type BoundaryEdge, encodePassStatement, hashRows, MAX_TURNS, passFields } from './boundary-pass.ts';
import type { BoundaryRows } from './boundary-rows.ts';

/** Largest encoded proof. 131,072 passes with three dropped rows each have 22 MiB. */
export const MAX_BOUNDARY_PROOF_BYTES: number = 48 * 1024 * 1024;

const proofCodec = struct({
  /** Turn of the first pass. */
  firstTurn: within(u32, 0, MAX_TURNS - 1),
  /** All passes from there on. A pass that is left out could have dropped rows. */
  passes: list(
    struct({
      ...passFields,
      /** Hashes of the rows that do not stand, which are the last ones of the pass. */
      dropped: list(hash, { count: u16, max: 65_535 }),
      signature: bytes(ED25519_SIGNATURE_BYTES),
    }),
    { count: u32, min: 1, max: MAX_TURNS },
  ),
});

/** Proves under its sender's signatures which rows came over an edge, beside the rows themselves. */
export interface BoundaryProof extends CodecType<typeof proofCodec> {}

const proofFormat = createFormat<BoundaryProof>(proofCodec, {
  tag: 'ogong-boundary-proof-v1',
  maxBytes: MAX_BOUNDARY_PROOF_BYTES,
});
/** @internal for evidence from elsewhere: tests, vectors and the laboratory use it */
export const encodeBoundaryProof: (proof: BoundaryProof) => Uint8Array = proofFormat.encode;
/**
 * @throws ProtocolError
 * @internal for evidence from elsewhere: tests, vectors and the laboratory use it
 */
export const parseBoundaryProof: (encoded: Uint8Array) => BoundaryProof = proofFormat.decode;

/**
 * Creates the proof of the rows that stand.
 * @internal for evidence from elsewhere: tests, vectors and the laboratory use it
 */
export function proveRows({ firstTurn, passes, standing, rowBytes }: BoundaryRows): BoundaryProof {
  const counts = new Map(standing.map(({ pass, bytes: rows }) => [pass, rows.length / rowBytes]));
  return {
    firstTurn,
    passes: passes.map((pass) => {
      const { kind, position, rows } = pass.head;
      const dropped = pass.rowHashes.slice(counts.get(pass) ?? 0);
      return { kind, position, rows, dropped, signature: pass.signature };
    }),
  };
}

/** The rows that a receiver says it used, and their proof. The caller knows that they come from this receiver. */
export interface UsedRows {
  readonly rows: Uint8Array;
  readonly proof: BoundaryProof;
}

/** The turn that would be next behind the passes of a proof. */
export const nextTurnOf = ({ firstTurn, passes }: BoundaryProof): number => firstTurn + passes.length;

/**
 * Finds the reason that rows are not what the sender signed; undefined if they are. Sizes come first. It checks one signature for each
 * pass, up to MAX_TURNS of them.
 */
export function findRowsProblem(
  crypto: Crypto,
  edge: BoundaryEdge,
  senderKey: Uint8Array,
  { rows, proof }: UsedRows,
): string | undefined {
  const { passes, firstTurn } = proof;
  const { rowBytes, decode } = edge.content;
  let positions = 0;
  for (const [i, { position, rows: count }] of passes.entries()) {
    if (position > positions) return `pass ${i} leaves a gap from position ${positions} to ${position}`;
    positions = position + count;
  }
  if (rows.length > MAX_BLOB_BYTES || rows.length !== positions * rowBytes)
    return `${rows.length} bytes are not ${positions} rows`;
  if (nextTurnOf(proof) > MAX_TURNS) return `more than ${MAX_TURNS} passes`;
  /** First position of the passes behind the one in the loop: no earlier row stands from there on. */
  let end = positions;
  const stands = passes.map(() => 0);
  for (let i = passes.length - 1; i >= 0; i--) {
    const { position, rows: count, dropped } = passes[i] as (typeof passes)[number];
    stands[i] = Math.max(0, Math.min(count, end - position));
    if (dropped.length !== count - (stands[i] as number)) return `pass ${i} names ${dropped.length} dropped rows`;
    end = Math.min(end, position);
  }
  for (const [i, { dropped, signature, ...head }] of passes.entries()) {
    const from = head.position * rowBytes;
    const payload = rows.subarray(from, from + (stands[i] as number) * rowBytes);
    const rowHashes = [...hashRows(crypto, edge, payload), ...dropped];
    const statement = encodePassStatement(crypto, edge, { turn: firstTurn + i, ...head }, rowHashes);
    if (!crypto.verifyEd25519(signature, statement, senderKey)) return `pass ${i} is not signed by the sender`;
    if (decode(payload) === undefined) return `pass ${i} has a value that is out of range`;
  }
  return undefined;
}
