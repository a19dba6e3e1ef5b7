import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { createBlobHasher } from '@ogong/protocol/commitment/blob';
import { openBlobStore } from '@ogong/provider/provider/serving/blob-store';
import { measureInTurn, median, pairedRatio, type Row } from '../row.ts';

const MIB = 2 ** 20;
const SIZES = { large: 64 * MIB, small: 4 * MIB } as const;
const ROUNDS = 5;
const child = fileURLToPath(new URL('./open-blob.child.ts', import.meta.url));

/** The peak memory of a process that opens a large blob and reads all of its chunks, against that of a small one. */
export async function measureBlobMemory(directory: string): Promise<Row[]> {
  const open = {
    large: await storeBlob(join(directory, 'large'), SIZES.large),
    small: await storeBlob(join(directory, 'small'), SIZES.small),
  };
  const { large, small } = await measureInTurn(ROUNDS, open);
  return [
    {
      id: 'blob-memory',
      what: 'peak memory of a process that opens a blob of 64 MiB chunk by chunk / of 4 MiB',
      value: pairedRatio(large, small),
      unit: 'x',
      aim: { at: 'most', value: 1.1 },
      note: `${median(large).toFixed(0)} and ${median(small).toFixed(0)} MiB, Node itself among them; each chunk is read with its proof and checked; median of ${ROUNDS} rounds`,
      why: 'Buffers of chunks that were read stay until the garbage collector runs',
    },
  ];
}

/** @returns a function that opens the blob in a process of its own, and returns the peak of its memory, MiB. */
async function storeBlob(folder: string, size: number): Promise<() => number> {
  const [replyId, blind] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)];
  const store = await openBlobStore(
    { folder, maxBytes: 2 ** 40 },
    { crypto, findExpiry: () => Number.MAX_SAFE_INTEGER },
  );
  const bytes = new Uint8Array(size).map((_, i) => i * 31);
  const hasher = createBlobHasher(crypto, blind);
  hasher.push(bytes);
  const { ref } = hasher.finish();
  store.reserve(replyId, [size]);
  await store.put(replyId, { blobs: [{ ref, bytes }], blind, expiresAtMs: Number.MAX_SAFE_INTEGER });
  const given = [folder, toHex(replyId), toHex(ref.root), toHex(blind)];
  return () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [child, ...given], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the blob could not be opened: ${stderr}`);
    return Number(stdout) / 1024;
  };
}
