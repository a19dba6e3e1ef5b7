import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { cutBlocks, hashBlock } from '@ogong/hub/blocks';
import type { ManifestFile } from '@ogong/hub/manifest';
import { toHex } from '@ogong/protocol/base/bytes';

const child = fileURLToPath(new URL('./pull-file.child.ts', import.meta.url));
const run = promisify(execFile);

interface Way {
  /** Address of the place. */
  readonly place: string;
  /** An empty folder. */
  readonly to: string;
}

/** Pulls a file in a process of its own. @returns its duration, and the peak of the process's resident memory. */
export async function pullInChild(
  { sizeBytes, sha256, blockRoot }: ManifestFile,
  { place, to }: Way,
): Promise<{ readonly ms: number; readonly peakMib: number }> {
  const file = [String(sizeBytes), toHex(sha256), toHex(blockRoot)];
  const { stdout } = await run(process.execPath, [child, to, place, ...file]);
  const { ms, peakKib } = JSON.parse(stdout) as { readonly ms: number; readonly peakKib: number };
  return { ms, peakMib: peakKib / 1024 };
}

export const isCurlThere = (): Promise<boolean> =>
  run('curl', ['--version']).then(
    () => true,
    () => false,
  );

/** Fetches a file with curl, and syncs it. @returns ms. */
export async function fetchWithCurl({ blockRoot }: ManifestFile, { place, to }: Way): Promise<number> {
  const path = join(to, 'file');
  const startMs = performance.now();
  await run('curl', ['--silent', '--fail', '--output', path, `${place}blobs/${toHex(blockRoot)}`]);
  const file = await open(path, 'r+');
  await file.sync();
  await file.close();
  return performance.now() - startMs;
}

/** Copies a file as plainly as a push allows: reads it once, computes its hashes, writes it and syncs. */
export async function copyWithHashes(from: string, to: string): Promise<void> {
  const whole = createHash('sha256');
  const file = await open(to, 'w');
  try {
    for await (const block of cutBlocks(createReadStream(from, { highWaterMark: BLOCK_BYTES }))) {
      whole.update(block);
      hashBlock(block);
      await file.write(block);
    }
    whole.digest();
    await file.sync();
  } finally {
    await file.close();
  }
}
