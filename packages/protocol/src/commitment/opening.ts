import { concatBytes } from '../base/bytes.ts';
import { bytes16, bytes32, type Codec, createFormat, hash, list, optional, struct, u16 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { computeInclusionProof, computeMerkleRoot, hashLeaf } from '../crypto/merkle.ts';
import { type EdgeValues, edgeList, MAX_EDGE_POSITIONS } from './edge-values.ts';

/** The most windows of a reply: 131,072 tokens. */
export const MAX_WINDOWS = 4096;
export const MAX_OPENING_BYTES = 48 * 1024 * 1024;

const MAX_WINDOW_PART = 0xffff;
/** Of the tokens of a prompt, which has no more positions than an edge. */
const MAX_PROMPT_BYTES = 4 * MAX_EDGE_POSITIONS;

/** Windows as bytes. Their size is bounded; they are not decoded. */
export const windowList: Codec<readonly WindowBytes[]> = list<WindowBytes>(
  struct({ draws: bytes16(MAX_WINDOW_PART), sketch: bytes16(MAX_WINDOW_PART) }),
  { count: u16, max: MAX_WINDOWS },
);

export const MAX_HEADER_BYTES = 16_384;

const edgesOrNone: Codec<readonly EdgeValues[]> = {
  write: (writer, edges: readonly EdgeValues[] = []) => edgeList.write(writer, edges),
  read: edgeList.read,
};
/** The content of a leaf besides the blind. Draws can be replayed without the sketch. */
export interface WindowBytes {
  readonly draws: Uint8Array;
  readonly sketch: Uint8Array;
}

/** The opening of a commitment: its blind, leaf 0 and every window's bytes (docs/spec/commitment.md). */
export interface Opening {
  /** Blind of the answer (blinds.ts). */
  readonly blind: Uint8Array;
  readonly header: Uint8Array;
  readonly windows: readonly WindowBytes[];
  /**
   * The rows between the shards of a cohort, in the order of their layers: one for each root that the header lists. The roots commit to
   * them (docs/spec/boundary.md#audit). Default: none.
   */
  readonly edges?: readonly EdgeValues[];
  /** The prompt of a cohort's reply, whose first shard received its tokens. The header has its hash. Default: none. */
  readonly prompt?: OpenedPrompt | undefined;
}

/** The preimage of a header's `promptTokensHash`. */
export interface OpenedPrompt {
  /** Blind of the prompt (blinds.ts), 32 bytes. */
  readonly blind: Uint8Array;
  /** u32 big-endian. */
  readonly tokens: Uint8Array;
}

const openingFormat = createFormat<Opening>(
  struct({
    blind: hash,
    header: bytes16(MAX_HEADER_BYTES),
    windows: windowList,
    edges: edgesOrNone,
    prompt: optional<OpenedPrompt>(struct({ blind: hash, tokens: bytes32(MAX_PROMPT_BYTES) })),
  }),
  { tag: 'ogong-opening-v1', maxBytes: MAX_OPENING_BYTES },
);

export const encodeOpening: (opening: Opening) => Uint8Array = openingFormat.encode;
/** @throws ProtocolError `too-large` before any byte is read */
export const parseOpening: (bytes: Uint8Array) => Opening = openingFormat.decode;

/** Encodes the leaf data of a window: H(draws) || H(sketch) || blind. */
function hashWindow(crypto: Crypto, blind: Uint8Array, { draws, sketch }: WindowBytes): Uint8Array {
  return hashLeaf(crypto, concatBytes(crypto.sha256(draws), crypto.sha256(sketch), blind));
}

export function computeLeaves(crypto: Crypto, { blind, header, windows }: Opening): Uint8Array[] {
  return [hashLeaf(crypto, header), ...windows.map((window) => hashWindow(crypto, blind, window))];
}

export interface Commitment {
  readonly root: Uint8Array;
  readonly headerProof: readonly Uint8Array[];
  readonly size: number;
}

/** Computes the root that the record signs, and the proof that its header is leaf 0. */
export function computeCommitment(crypto: Crypto, opening: Opening): Commitment {
  const leaves = computeLeaves(crypto, opening);
  return {
    root: computeMerkleRoot(crypto, leaves),
    headerProof: computeInclusionProof(crypto, leaves, 0),
    size: leaves.length,
  };
}
