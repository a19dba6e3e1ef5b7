import { CHUNK_BYTES, computePinTree, drawChunks, PIN_DRAWS } from '@ogong/hub/pin-tree';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { hashLeaf, verifyInclusion } from '@ogong/protocol/crypto/merkle';
import { drawBytes } from '../world/draws.ts';
import type { World } from '../world/world.ts';

/** Result of an epoch of a pin. */
export interface PinEpoch {
  readonly epoch: number;
  /** Whether the storage provider still has every chunk. */
  readonly isWhole: boolean;
  readonly isPaid: boolean;
}

const EPOCH_MS = 10_000;
/** A power of two, so every path has the same length. */
const LEVELS = 8;
const CHUNKS = 2 ** LEVELS;
const PART_BYTES = CHUNK_BYTES + 32 * LEVELS;
const ID = 'ab'.repeat(32);

/**
 * Simulates two pins of one blob. The first provider keeps it. The second one deletes all chunks but those of its first proof. Draws and
 * proofs are the product's; the contract is a model of its check.
 */
export function simulatePins(
  { seed, time, crypto }: Pick<World, 'seed' | 'time' | 'crypto'>,
  onEpoch: (epoch: PinEpoch) => void,
): void {
  const blob = drawBytes(seed, 'pinned blob', CHUNKS * CHUNK_BYTES);
  const store = {
    async *get() {
      yield blob;
    },
  };
  const making = computePinTree(store.get());
  let kept: ReadonlySet<number> | undefined;

  async function prove(pin: bigint, epoch: number): Promise<void> {
    const tree = await making;
    // The hash of a block is not known before the block.
    const draw = { seed: drawBytes(seed, `block of epoch ${epoch}`, 32), pin };
    const proof = await makePinProof(crypto, { store, id: ID, tree }, draw);
    const indices = drawChunks(crypto, draw, CHUNKS);
    const hasDropped = pin === 1n && kept !== undefined;
    for (const [at, index] of indices.entries())
      if (hasDropped && !kept?.has(index)) proof.fill(0, at * PART_BYTES, at * PART_BYTES + CHUNK_BYTES);
    if (pin === 1n) kept ??= new Set(indices);
    onEpoch({ epoch, isWhole: !hasDropped, isPaid: isProof(proof, indices, tree.pinRoot) });
  }

  const isProof = (proof: Uint8Array, indices: readonly number[], root: Uint8Array): boolean =>
    proof.length === PIN_DRAWS * PART_BYTES &&
    indices.every((index, at) => {
      const part = proof.subarray(at * PART_BYTES, (at + 1) * PART_BYTES);
      const path = Array.from({ length: LEVELS }, (_, i) =>
        part.slice(CHUNK_BYTES + 32 * i, CHUNK_BYTES + 32 * (i + 1)),
      );
      const leaf = hashLeaf(crypto, part.subarray(0, CHUNK_BYTES));
      return verifyInclusion(crypto, { leaf, index, size: CHUNKS, proof: path, root });
    });

  function begin(epoch: number): void {
    for (const pin of [0n, 1n]) void prove(pin, epoch);
    time.plan(EPOCH_MS, () => begin(epoch + 1));
  }
  time.plan(EPOCH_MS, () => begin(0));
}
