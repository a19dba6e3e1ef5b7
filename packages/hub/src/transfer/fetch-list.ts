import { beforeEnd } from '../abortable.ts';
import { countBlocks, parseBlockList } from '../blocks.ts';
import type { ManifestFile } from '../manifest.ts';
import type { SourcePool } from './source-pool.ts';
import { TransferError } from './transfer-error.ts';

const HASH_BYTES = 32;

/**
 * Fetches the block list of a file from the first source that has it. The list of one block follows from the manifest.
 * @returns hashes of all blocks, checked against the file's root.
 * @throws TransferError `no-source`, `cancelled`.
 */
export async function fetchBlockList(
  file: ManifestFile,
  {
    pool,
    timeoutMs,
    signal,
  }: { readonly pool: SourcePool; readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<readonly Uint8Array[]> {
  const { path, sizeBytes, blockRoot } = file;
  const count = countBlocks(sizeBytes);
  if (count === 1) return [blockRoot];
  const reasons: string[] = [];
  for (const one of pool.list()) {
    const ended = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
    let list: Uint8Array;
    try {
      list = await beforeEnd(one.source.listBlocks(file, { maxBytes: count * HASH_BYTES, signal: ended }), ended);
    } catch (error) {
      if (signal?.aborted) throw new TransferError('cancelled', 'the pull was ended', { cause: signal.reason });
      const detail = error instanceof Error ? error.message : String(error);
      // A source without the list can still have the blocks. A silent one would hold up each file.
      if (ended.aborted) pool.drop(one, { reason: 'unreachable', path, detail });
      reasons.push(`${one.source.name}: ${detail}`);
      continue;
    }
    try {
      return parseBlockList(list, file);
    } catch (error) {
      pool.drop(one, { reason: 'wrong-list', path, detail: (error as Error).message });
    }
  }
  if (pool.list().length === 0) throw pool.explain(path);
  throw new TransferError('no-source', `no source has the block list of ${path} (${reasons.join('; ')})`);
}
