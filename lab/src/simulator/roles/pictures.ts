import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { toHex } from '@ogong/protocol/base/bytes';
import { BLOB_CHUNK_BYTES, type BlobRef, createBlobHasher, sizeOfChunk } from '@ogong/protocol/commitment/blob';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createMerkleLevels } from '@ogong/protocol/crypto/merkle-levels';
import type { BlobStore } from '@ogong/provider/provider/serving/blob-store';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import type { Disk } from '../world/process.ts';

/**
 * Pixels along one side. PNG files of such pictures are encoded without a thread, whose end virtual time would not wait for. A latent has
 * 256 values, so no sum of a projection is a single value.
 */
const SIDE = 32;

/** As many replies at a time as the fake engine of texts serves: gateways share few providers. */
const SEQUENCES = 8;

/** @param weights 1 is the ordered model, other values are other models. */
export function createPictureEngine(weights: number): TrajectoryEngine {
  const engine = createFakeTrajectoryEngine({ weights, side: SIDE });
  return { ...engine, info: () => ({ ...engine.info(), sequences: SEQUENCES }) };
}

const SCHEMA = `
CREATE TABLE blobs (
  reply_id TEXT NOT NULL,
  root TEXT NOT NULL,
  bytes BLOB NOT NULL,
  blind BLOB NOT NULL,
  orderer TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (reply_id, root)
) STRICT;
`;

/** The blobs of a provider on the disk of its machine. The product's own store is a folder, and real files have no virtual time. */
export function createDiskBlobs(crypto: Crypto, disk: Disk): BlobStore {
  const store = disk.open('blobs', SCHEMA);
  const insert = store.prepare('INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?)');
  const select = store.prepare('SELECT bytes, blind FROM blobs WHERE reply_id = ? AND root = ?');
  const selectOrderer = store.prepare('SELECT orderer FROM blobs WHERE reply_id = ? LIMIT 1');
  const remove = store.prepare('DELETE FROM blobs WHERE expires_at_ms < ?');
  return {
    reserve: () => undefined,
    release: () => undefined,
    async put(replyId, { blobs, blind, expiresAtMs, orderer = new Uint8Array() }) {
      for (const { ref, bytes } of blobs)
        insert.run(toHex(replyId), toHex(ref.root), bytes, blind, toHex(orderer), expiresAtMs);
    },
    async open(replyId, root) {
      const row = select.get(toHex(replyId), toHex(root));
      if (row === undefined) return undefined;
      const bytes = row.bytes as Uint8Array;
      const hasher = createBlobHasher(crypto, row.blind as Uint8Array);
      hasher.push(bytes);
      const levels = createMerkleLevels(crypto, hasher.finish().leaves);
      const ref: BlobRef = { bytes: bytes.length, root };
      const read = async (index: number) => {
        const from = index * BLOB_CHUNK_BYTES;
        return { index, data: bytes.slice(from, from + sizeOfChunk(ref, index)), proof: levels.prove(index) };
      };
      return { ref, read, close: async () => undefined };
    },
    isOrderer: (replyId, peer) => selectOrderer.get(toHex(replyId))?.orderer === toHex(peer),
    listMedia: () => [],
    sweep: async (nowMs) => void remove.run(nowMs),
    usedBytes: () => 0,
  };
}
