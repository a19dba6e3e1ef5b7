import { CHUNK_BYTES, computePinTree, drawChunks } from '@ogong/hub/pin-tree';
import { makePinProof } from '@ogong/hub/store/pin-proof';
import { isPinProof, sizeOfDraw } from '../../attackers/hub/pin-check.ts';
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
const LEVELS = 8;
const CHUNKS = 2 ** LEVELS;
const PART_BYTES = sizeOfDraw(LEVELS);
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
    onEpoch({
      epoch,
      isWhole: !hasDropped,
      isPaid: isPinProof(crypto, proof, { indices, root: tree.pinRoot, levels: LEVELS }),
    });
  }

  function begin(epoch: number): void {
    for (const pin of [0n, 1n]) void prove(pin, epoch);
    time.plan(EPOCH_MS, () => begin(epoch + 1));
  }
  time.plan(EPOCH_MS, () => begin(0));
}
