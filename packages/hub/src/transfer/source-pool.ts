import { ModelError } from '@ogong/models/model-error';
import { HubBlobError } from '../store/blob-store.ts';
import { type BlockSource, RefusedRead } from './block-source.ts';
import { TransferError } from './transfer-error.ts';

export type DropReason =
  /** The source sent a block that is not the signed one. */
  | 'wrong-block'
  /** The source sent a block list of another file. */
  | 'wrong-list'
  /** The source does not have the file, or sends no ranges. */
  | 'refused'
  /** The source failed several times in a row. */
  | 'unreachable';

/** A source that is asked no more. */
export interface DroppedSource {
  readonly source: string;
  readonly reason: DropReason;
  /** Path of the file. */
  readonly path: string;
  /** Index of the block, if one was wrong. */
  readonly block?: number;
  readonly detail: string;
}

/** A source of one file. */
export interface PooledSource {
  readonly source: BlockSource;
  readonly dropped: AbortController;
  /** In a row. */
  failures: number;
}

/** The sources of one pull. A source that refuses is dropped for the file, and another one for all files. */
export interface SourcePool {
  /** Returns the sources for a file. */
  list(): readonly PooledSource[];
  drop(pooled: PooledSource, dropped: Omit<DroppedSource, 'source'>): void;
  /** Counts a failure, and drops the source after the last one that is allowed. @returns the pause before the next attempt, ms. */
  fail(pooled: PooledSource, path: string, error: unknown): number;
  /** Describes the end of the last source. */
  explain(path: string): TransferError;
}

export interface PoolOptions {
  /** Failures in a row after which a source is dropped. */
  readonly maxFailures: number;
  /** First pause after a failure, ms; it doubles. */
  readonly pauseMs: number;
  readonly onDropped?: ((dropped: DroppedSource) => void) | undefined;
}

export function createSourcePool(
  sources: readonly BlockSource[],
  { maxFailures, pauseMs, onDropped }: PoolOptions,
): SourcePool {
  const banned = new Set<BlockSource>();
  const ends: DroppedSource[] = [];
  const pool: SourcePool = {
    list: () =>
      sources
        .filter((source) => !banned.has(source))
        .map((source) => ({ source, dropped: new AbortController(), failures: 0 })),
    drop({ source, dropped }, end) {
      if (dropped.signal.aborted) return;
      const report = { source: source.name, ...end };
      ends.push(report);
      if (end.reason !== 'refused') banned.add(source);
      dropped.abort(new Error(`the source ${source.name} was dropped`));
      onDropped?.(report);
    },
    fail(one, path, error) {
      const detail = error instanceof Error ? error.message : String(error);
      one.failures++;
      const isKnown = error instanceof ModelError || error instanceof HubBlobError;
      const isFinal = error instanceof RefusedRead || (isKnown && !error.retryable);
      if (isFinal) pool.drop(one, { reason: 'refused', path, detail });
      else if (one.failures >= maxFailures) pool.drop(one, { reason: 'unreachable', path, detail });
      return pauseMs * 2 ** (one.failures - 1);
    },
    explain(path) {
      const concerned = ends.filter((end) => end.path === path || end.reason !== 'refused');
      const reasons = concerned.map(({ source, reason, detail }) => `${source}: ${reason}, ${detail}`).join('; ');
      return new TransferError(
        'no-source',
        `no source has the rest of ${path} (${reasons || 'none was given'}); received blocks are kept, run again to continue`,
      );
    },
  };
  return pool;
}
