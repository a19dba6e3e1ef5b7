import { setTimeout as delay } from 'node:timers/promises';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { abortable } from '../abortable.ts';
import { BLOCK_BYTES } from '../block-size.ts';
import { fillBlocks, hashBlock, sizeOfBlock } from '../blocks.ts';
import type { ManifestFile } from '../manifest.ts';
import type { PooledSource, SourcePool } from './source-pool.ts';
import { TransferError } from './transfer-error.ts';

export interface FetchLimits {
  /** Blocks in memory at most: those that came before an earlier one. */
  readonly windowBlocks: number;
  /** Blocks of one request at most. */
  readonly runBlocks: number;
  /** Requests to one source at a time. */
  readonly requests: number;
  /** A source that sends nothing for so long has failed. */
  readonly idleMs: number;
  /** Another source fetches the next block too if it does not come for so long. */
  readonly slowMs: number;
}

export interface FetchJob {
  readonly file: ManifestFile;
  /** Hashes of all blocks of the file. */
  readonly hashes: readonly Uint8Array[];
  /** The first block that is fetched. */
  readonly first: number;
  readonly pool: SourcePool;
  readonly limits: FetchLimits;
  readonly signal?: AbortSignal | undefined;
}

/** A block that is not the signed one. */
class WrongBlock extends Error {
  readonly block: number;
  constructor(block: number) {
    super(`block ${block} has another hash`);
    this.block = block;
  }
}

/** State of one claimed block. */
interface Claim {
  readonly by: PooledSource;
  readonly sinceMs: number;
  /** Whether a second source fetches it too. */
  isDoubled: boolean;
}

/**
 * Buffers of a block each, which are used again: fresh ones would keep the garbage collector busy. Another thread may read them.
 */
function createBlockBuffers() {
  const free: ArrayBufferLike[] = [];
  return {
    take: (): Uint8Array => new Uint8Array(free.pop() ?? new SharedArrayBuffer(BLOCK_BYTES)),
    give({ buffer }: Uint8Array): void {
      free.push(buffer);
    },
  };
}

/**
 * Fetches blocks from all sources of the pool at once, checks each of them, and yields them in order.
 * @throws TransferError `no-source`, `cancelled`.
 */
export async function* fetchBlocks(job: FetchJob): AsyncGenerator<Uint8Array> {
  const { file, hashes, first, pool, limits, signal } = job;
  const count = hashes.length;
  const ready = new Map<number, Uint8Array>();
  const buffers = createBlockBuffers();
  const claims = new Map<number, Claim>();
  const ended = new AbortController();
  let next = first;
  let change = Promise.withResolvers<void>();
  const notify = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };

  const isFree = (block: number): boolean => !ready.has(block) && !claims.has(block);

  /** Picks blocks for a source: the first free ones, or else the next block if it is slow to come. */
  const claim = (by: PooledSource): { readonly from: number; to: number } | undefined => {
    const end = Math.min(count, next + limits.windowBlocks);
    let from = next;
    while (from < end && !isFree(from)) from++;
    const sinceMs = performance.now();
    if (from === end) {
      const slow = claims.get(next);
      if (slow === undefined || slow.by === by || slow.isDoubled || sinceMs - slow.sinceMs < limits.slowMs)
        return undefined;
      slow.isDoubled = true;
      return { from: next, to: next + 1 };
    }
    let to = from;
    while (to < end && to - from < limits.runBlocks && isFree(to)) claims.set(to++, { by, sinceMs, isDoubled: false });
    return { from, to };
  };

  const fetchRun = async (by: PooledSource, run: { readonly from: number; to: number }): Promise<void> => {
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${limits.idleMs} ms`)), limits.idleMs);
    const stopped = AbortSignal.any([ended.signal, by.dropped.signal, idle.signal]);
    let block = run.from;
    try {
      const range = { from: run.from * BLOCK_BYTES, to: Math.min(run.to * BLOCK_BYTES, file.sizeBytes) };
      const touched = async function* (): AsyncGenerator<Uint8Array> {
        for await (const piece of abortable(by.source.read(file, range, stopped), stopped)) {
          if (piece.length > 0) timer.refresh();
          yield piece;
        }
      };
      for await (const bytes of fillBlocks(touched(), buffers.take)) {
        if (bytes.length < sizeOfBlock(file.sizeBytes, block)) break;
        if (!equalBytes(hashBlock(bytes), hashes[block] as Uint8Array)) throw new WrongBlock(block);
        by.failures = 0;
        if (block >= next && !ready.has(block)) ready.set(block, bytes);
        else buffers.give(bytes);
        claims.delete(block);
        block++;
        notify();
        if (block === run.to) return;
      }
      throw new Error(`the source ended before block ${block}`);
    } finally {
      clearTimeout(timer);
      // The rest of the run is free for others, unless another source has it by now.
      for (; block < run.to; block++) {
        const held = claims.get(block);
        if (held?.by === by) claims.delete(block);
        else if (held !== undefined) held.isDoubled = false;
      }
      notify();
    }
  };

  const work = async (by: PooledSource): Promise<void> => {
    while (next < count && !ended.signal.aborted && !by.dropped.signal.aborted) {
      const run = claim(by);
      if (run === undefined) {
        const timer = setTimeout(notify, limits.slowMs);
        await change.promise;
        clearTimeout(timer);
        continue;
      }
      try {
        await fetchRun(by, run);
      } catch (error) {
        if (ended.signal.aborted || by.dropped.signal.aborted) return;
        if (error instanceof WrongBlock) {
          pool.drop(by, { reason: 'wrong-block', path: file.path, block: error.block, detail: error.message });
          return;
        }
        const pauseMs = pool.fail(by, file.path, error);
        await delay(pauseMs, undefined, { signal: ended.signal }).catch(() => undefined);
      }
    }
  };

  let working = 0;
  let failure: { readonly error: unknown } | undefined;
  const start = (by: PooledSource): Promise<void> => {
    working++;
    const fail = (error: unknown): void => {
      failure ??= { error };
    };
    return work(by)
      .catch(fail)
      .finally(() => {
        working--;
        notify();
      });
  };
  const stop = (): void => {
    ended.abort();
    notify();
  };
  signal?.addEventListener('abort', stop, { once: true });
  const workers = pool.list().flatMap((by) => Array.from({ length: limits.requests }, () => start(by)));
  try {
    while (next < count) {
      if (signal?.aborted)
        throw new TransferError('cancelled', 'the pull was ended; its blocks are kept', { cause: signal.reason });
      if (failure !== undefined) throw failure.error;
      const block = ready.get(next);
      if (block !== undefined) {
        ready.delete(next++);
        notify();
        yield block;
        buffers.give(block);
      } else if (working === 0) throw pool.explain(file.path);
      else await change.promise;
    }
  } finally {
    stop();
    signal?.removeEventListener('abort', stop);
    await Promise.allSettled(workers);
  }
}
