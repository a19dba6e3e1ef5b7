import { toHex } from '@ogong/protocol/base/bytes';
import type { ManifestFile } from '../manifest.ts';
import type { HubBlobStore } from '../store/blob-store.ts';
import { assertFree } from './free-room.ts';
import { createProgressMeter, type TransferProgress } from './progress.ts';

export interface CopyOptions {
  readonly from: Pick<HubBlobStore, 'get'>;
  readonly to: HubBlobStore;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A clock that never goes back, ms. */
  readonly now?: (() => number) | undefined;
}

/**
 * Copies blobs from one store to another. A copy that ends early continues from its blocks when it is called again.
 * @throws HubBlobError, TransferError `no-room`.
 */
export async function copyFiles(
  files: readonly ManifestFile[],
  { from, to, onProgress, signal, now = () => performance.now() }: CopyOptions,
): Promise<void> {
  const missing = new Map<string, ManifestFile>();
  for (const file of files) {
    const id = toHex(file.blockRoot);
    if (!(await to.has(id))) missing.set(id, file);
  }
  const total = [...missing.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  assertFree(total, await to.freeBytes());
  const meter = createProgressMeter(total, now);
  for (const [id, { path, sizeBytes }] of missing) {
    const begun = await to.begun(id);
    meter.skip(begun);
    const watch = async function* (): AsyncGenerator<Uint8Array> {
      // All bytes were kept before, and only the end of the put is missing.
      if (begun === sizeBytes) return;
      for await (const piece of from.get(id, { from: begun, to: sizeBytes }, signal)) {
        yield piece;
        onProgress?.(meter.add(path, piece.length));
      }
    };
    await to.put(watch(), { bytes: sizeBytes, id, resume: { key: id, from: begun }, signal });
  }
}
