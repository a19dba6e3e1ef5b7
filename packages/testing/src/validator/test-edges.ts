import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import type { Ed25519Signer } from '@ogong/protocol/crypto/crypto';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import { commitBoundary, signBoundaryRoot } from '@ogong/protocol/modality/text/boundary/boundary-root';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import type { SyntheticOptions } from '../synthetic/synthetic-reply.ts';
import { seedOf } from './test-keys.ts';

/** Layers before each edge of a test cohort, whose shards have 3, 4 and 1 layers. */
export const TEST_EDGES: readonly number[] = [3, 7];

/** Signer of the session key of a shard of a test cohort. */
export const sessionOf = (place: number): Ed25519Signer => createNobleEd25519Signer(seedOf(`session key ${place}`));

type ReplySizes = Pick<
  Header,
  'promptTokenCount' | 'outputTokenCount' | 'embeddingSize' | 'sketchDirections' | 'sketchBankSeed'
>;

/** Changes one value of a row. */
export type BendRows = (value: number, index: number) => number;

/** Makes up the rows that leave a shard. @returns f32[positions, embeddingSize]. */
export const makeTestRows = (
  { promptTokenCount, outputTokenCount, embeddingSize }: ReplySizes,
  { place, bend = (value) => value }: { readonly place: number; readonly bend?: BendRows | undefined },
): Float32Array =>
  Float32Array.from({ length: (promptTokenCount + outputTokenCount - 1) * embeddingSize }, (_, i) =>
    bend(Math.sin(i * 0.7 + place) + Math.cos(i * i * 0.3), i),
  );

/** Commits to the made-up rows that leave a shard. Two machines with the same weights have the same rows. */
export function computeTestEdge(
  header: ReplySizes,
  blind: Uint8Array,
  shard: { readonly place: number; readonly bend?: BendRows | undefined },
): EdgeValues & { readonly root: Uint8Array } {
  const { embeddingSize, sketchDirections: directions, sketchBankSeed: bankSeed } = header;
  const positions = header.promptTokenCount + header.outputTokenCount - 1;
  const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
  const rows = makeTestRows(header, shard);
  const kept = {
    positions,
    nextTurn: 3,
    rowBytes: 4 * embeddingSize,
    standing: [{ bytes: new Uint8Array(rows.buffer) }],
  };
  const { rows: blob, sketches, root } = commitBoundary(crypto, kept, { blind, bank });
  return { positions, rows: blob, sketches, root };
}

/** Returns the edges that an honest verifier reports. @param layers as in a TextClaim. */
export const reportTestEdges = (
  { header, opening }: { readonly header: ReplySizes; readonly opening: { readonly blind: Uint8Array } },
  layers: readonly number[] = [],
): EdgeValues[] => layers.map((layer) => computeTestEdge(header, opening.blind, { place: TEST_EDGES.indexOf(layer) }));

export interface TestEdges {
  readonly orderHash: Uint8Array;
  /** Rows of shards that compute wrongly, by place. */
  readonly bend?: Readonly<Record<number, BendRows>>;
  /** Places of shards that sign no root. */
  readonly unsigned?: readonly number[];
  /** Signers of roots, by place. Default: the shards' session keys. */
  readonly signers?: Readonly<Record<number, Ed25519Signer>>;
  /** Roots of the rows that shards have received by their own statements, by place. Default: the rows before. */
  readonly inputs?: Readonly<Record<number, Uint8Array>>;
}

/** Makes the roots and edges of a reply of a cohort. */
export const createTestEdges =
  ({
    orderHash,
    bend = {},
    unsigned = [],
    signers = {},
    inputs = {},
  }: TestEdges): NonNullable<SyntheticOptions['bend']>['edges'] & object =>
  (header, blind, tokens) => {
    let sent = computeBlobRoot(crypto, blind, tokens);
    const committed = TEST_EDGES.map((_, place) => {
      const { root, ...values } = computeTestEdge(header, blind, { place, bend: bend[place] });
      const input = inputs[place] ?? sent;
      sent = values.rows.root;
      if (unsigned.includes(place)) return undefined;
      const statement = { orderHash, place, positions: values.positions, turns: 3, root, input };
      return { values, boundary: signBoundaryRoot(signers[place] ?? sessionOf(place), statement) };
    });
    return {
      boundaries: committed.map((one) => {
        if (one === undefined) return undefined;
        const { positions, turns, root, input, signature } = one.boundary;
        return { positions, turns, root, input, signature };
      }),
      edges: committed.flatMap((one) => (one === undefined ? [] : [one.values])),
    };
  };
