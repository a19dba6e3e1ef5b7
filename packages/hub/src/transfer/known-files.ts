import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { ManifestFile } from '../manifest.ts';
import { replaceFile } from '../store/folder-store.ts';

/** Size and hashes of a file, as a manifest has them. */
export type KnownFile = Pick<ManifestFile, 'sizeBytes' | 'sha256' | 'blockRoot'>;

/** Hashes of files that were pushed before. */
export interface KnownFiles {
  /** @param key names a file with its size and times, 64 hex digits. */
  find(key: string): Promise<KnownFile | undefined>;
  keep(key: string, file: KnownFile): Promise<void>;
}

const ENTRY = /^([1-9]\d{0,12}) ([0-9a-f]{64}) ([0-9a-f]{64})\n$/;

/** Opens a folder of hashes, one small file for each pushed file. A damaged entry counts as missing. */
export function openKnownFiles(directory: string): KnownFiles {
  return {
    async find(key) {
      const text = await readFile(join(directory, key), 'latin1').catch(() => '');
      const [, size = '', sha256 = '', blockRoot = ''] = ENTRY.exec(text) ?? [];
      return size === ''
        ? undefined
        : { sizeBytes: Number(size), sha256: fromHex(sha256), blockRoot: fromHex(blockRoot) };
    },
    async keep(key, { sizeBytes, sha256, blockRoot }) {
      await mkdir(directory, { recursive: true });
      await replaceFile(
        join(directory, key),
        Buffer.from(`${sizeBytes} ${toHex(sha256)} ${toHex(blockRoot)}\n`, 'latin1'),
      );
    },
  };
}
