import { toHex } from '@ogong/protocol/base/bytes';
import { abortable } from '../abortable.ts';
import type { HubManifest } from '../manifest.ts';
import { hasEvaluation, keepEvaluation } from '../store/evaluation-folder.ts';
import type { FolderStore } from '../store/folder-store.ts';
import { TransferError } from './transfer-error.ts';

/** A place that may have evaluations. Nothing that it sends is believed. */
export interface EvaluationSource {
  /** Names the place in messages. */
  readonly name: string;
  /** Streams an evaluation. @param hash SHA-256 of the file, 64 hex digits. @throws if the place does not have it. */
  readEvaluation(hash: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface FetchEvaluationsOptions {
  /** They are asked in this order. */
  readonly sources: readonly EvaluationSource[];
  readonly store: FolderStore;
  readonly signal?: AbortSignal | undefined;
  /** Time that a place has before it has to be as fast as the least rate. Default: a minute. */
  readonly graceMs?: number | undefined;
}

/** An evaluation of a manifest that is not in the store. */
export interface MissingEvaluation {
  /** 64 hex digits. */
  readonly hash: string;
  /** Answer of each place. */
  readonly reason: string;
}

/** The least rate, so that each place ends at some time. */
const BYTES_PER_MS = 64;

/**
 * Brings the evaluations of a manifest into a store. Each is checked against its hash. A place may lack them, so a missing one is no error.
 * @throws TransferError `cancelled`.
 */
export async function fetchEvaluations(
  { evaluations }: Pick<HubManifest, 'evaluations'>,
  { sources, store, signal, graceMs = 60_000 }: FetchEvaluationsOptions,
): Promise<readonly MissingEvaluation[]> {
  const missing: MissingEvaluation[] = [];
  for (const hash of evaluations.map(toHex)) {
    if (await hasEvaluation(store.directory, hash)) continue;
    const reasons: string[] = [];
    const isKept = await fetchFromAny(hash, reasons, { sources, store, signal, graceMs });
    if (!isKept) missing.push({ hash, reason: reasons.join('; ') || 'no place was given' });
  }
  return missing;
}

/** @param reasons mutated: the answers of places that failed. @returns whether one place had it. */
async function fetchFromAny(
  hash: string,
  reasons: string[],
  { sources, store, signal, graceMs }: FetchEvaluationsOptions & { readonly graceMs: number },
): Promise<boolean> {
  for (const source of sources) {
    const late = new AbortController();
    const ended = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
    try {
      const stream = hurry(abortable(source.readEvaluation(hash, ended), ended), { late, graceMs });
      await keepEvaluation(store.directory, { hash, stream });
      return true;
    } catch (error) {
      if (signal?.aborted) throw new TransferError('cancelled', 'the call was ended', { cause: signal.reason });
      reasons.push(`${source.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return false;
}

/** Ends a stream that is slower than the least rate. */
async function* hurry(
  stream: AsyncIterable<Uint8Array>,
  { late, graceMs }: { readonly late: AbortController; readonly graceMs: number },
): AsyncGenerator<Uint8Array> {
  const stop = (): void => late.abort(new TransferError('no-source', 'it is too slow'));
  const startMs = performance.now();
  let bytes = 0;
  const wait = (): NodeJS.Timeout => {
    const leftMs = startMs + graceMs + bytes / BYTES_PER_MS - performance.now();
    return setTimeout(stop, Math.max(0, Math.min(leftMs, 2 ** 31 - 1)));
  };
  let timer = wait();
  try {
    for await (const piece of stream) {
      bytes += piece.length;
      clearTimeout(timer);
      timer = wait();
      yield piece;
    }
  } finally {
    clearTimeout(timer);
  }
}
