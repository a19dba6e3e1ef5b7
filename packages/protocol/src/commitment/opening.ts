import { concatBytes, createReader, createWriter, equalBytes, ProtocolError, utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeInclusionProof, computeMerkleRoot, hashLeaf } from '../crypto/merkle.ts';
import { MAX_HEADER_BYTES } from './header.ts';
import type { WindowBytes } from './window.ts';

/** What opens a commitment: leaf 0 and every window's bytes (docs/spec/commitment.md). */
export interface Opening {
  readonly header: Uint8Array;
  readonly windows: readonly WindowBytes[];
}

const DOMAIN = utf8Encode('ogong-opening-v1\n');
/** 131,072 tokens. */
export const MAX_WINDOWS = 4096;
const MAX_WINDOW_PART = 0xffff;
export const MAX_OPENING_BYTES = 48 * 1024 * 1024;

export function encodeOpening({ header, windows }: Opening): Uint8Array {
  const writer = createWriter(4096).bytes(DOMAIN).bytes16(header).u16(windows.length);
  for (const { draws, sketch } of windows) writer.bytes16(draws).bytes16(sketch);
  return writer.finish();
}

/** @throws ProtocolError; the parts are bounded but not yet decoded. */
export function parseOpening(bytes: Uint8Array): Opening {
  const reader = createReader(bytes);
  if (!equalBytes(reader.bytes(DOMAIN.length), DOMAIN)) throw new ProtocolError('malformed', 'not an opening');
  const header = reader.bytes16(MAX_HEADER_BYTES);
  const count = reader.u16();
  if (count > MAX_WINDOWS) throw new ProtocolError('too-large', `${count} windows, at most ${MAX_WINDOWS}`);
  const windows = Array.from({ length: count }, () => ({
    draws: reader.bytes16(MAX_WINDOW_PART),
    sketch: reader.bytes16(MAX_WINDOW_PART),
  }));
  reader.end();
  return { header, windows };
}

/** Leaf data of a window: H(draws) || H(sketch). */
export function hashWindow(crypto: Crypto, { draws, sketch }: WindowBytes): Uint8Array {
  return hashLeaf(crypto, concatBytes(crypto.sha256(draws), crypto.sha256(sketch)));
}

export function computeLeaves(crypto: Crypto, { header, windows }: Opening): Uint8Array[] {
  return [hashLeaf(crypto, header), ...windows.map((window) => hashWindow(crypto, window))];
}

export interface Commitment {
  readonly root: Uint8Array;
  readonly headerProof: readonly Uint8Array[];
  readonly size: number;
}

/** The root that the record signs, and the proof that its header is leaf 0. */
export function computeCommitment(crypto: Crypto, opening: Opening): Commitment {
  const leaves = computeLeaves(crypto, opening);
  return {
    root: computeMerkleRoot(crypto, leaves),
    headerProof: computeInclusionProof(crypto, leaves, 0),
    size: leaves.length,
  };
}
