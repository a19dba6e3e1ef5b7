import type { TextEngine } from '@ogong/engine/interface/text';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { planRequest, type RequestPlan } from './request-plan.ts';
import { type SampleDependencies, type ServedSample, scoreSample, serveSample } from './sample.ts';
import type { SampleStore } from './sample-store.ts';

export interface CollectProgress {
  readonly source: string;
  /** Undefined while replies are served. */
  readonly verifier: string | undefined;
  readonly done: number;
  readonly total: number;
}

interface CollectOptions {
  readonly store: SampleStore;
  readonly source: string;
  readonly seeds: readonly number[];
  readonly onProgress?: (progress: CollectProgress) => void;
  readonly signal?: AbortSignal;
}

/** Serves the seeds that the store lacks. @throws EngineError */
export async function collectServed(
  options: CollectOptions & {
    readonly engine: TextEngine;
    readonly crypto: Crypto;
    readonly signer: HybridSigner;
    readonly plan: RequestPlan;
    readonly bend?: Pick<SampleDependencies, 'commit' | 'open'>;
    /** Failures that leave a seed without a reply. Default: none. */
    readonly tolerates?: (error: unknown) => boolean;
    /** Replies at a time. More than one makes passes of inexact kernels depend on timing. Default: 1. */
    readonly concurrency?: number;
  },
): Promise<void> {
  const { store, source, seeds, engine, crypto, signer, plan, bend, concurrency = 1, onProgress, signal } = options;
  const { tolerates = () => false } = options;
  const present = new Set(store.listSeeds(source));
  await forEach(
    seeds.filter((seed) => !present.has(seed)),
    { concurrency, signal },
    async (seed, done, total) => {
      const request = { seed, body: planRequest(plan, seed) };
      const sample = await serveSample(request, { engine, crypto, signer, ...bend }).catch((error: unknown) => {
        if (tolerates(error)) return undefined;
        throw error;
      });
      if (sample) store.writeServed(source, sample);
      onProgress?.({ source, verifier: undefined, done, total });
    },
  );
}

type ScoreReply = (sample: ServedSample, signal: AbortSignal | undefined) => Promise<Uint8Array | undefined>;

/** Scores the served seeds that the store has no report of. Rejects as the scoring does. */
export async function collectReports(
  options: CollectOptions & { readonly verifier: string } & (
      | { readonly engine: TextEngine; readonly crypto: Crypto }
      | { readonly score: ScoreReply }
    ),
): Promise<void> {
  const { store, source, verifier, seeds, onProgress, signal } = options;
  const score: ScoreReply =
    'score' in options
      ? options.score
      : (sample, until) =>
          scoreSample(sample, { engine: options.engine, crypto: options.crypto, ...(until ? { signal: until } : {}) });
  const wanted = new Set(seeds);
  const missing = store
    .listSeeds(source)
    .filter((seed) => wanted.has(seed) && !store.hasReport(source, verifier, seed));
  await forEach(missing, { concurrency: 2, signal }, async (seed, done, total) => {
    const sample = store.readServed(source, seed);
    if (sample === undefined) return;
    const report = await score(sample, signal);
    store.writeReport(source, verifier, seed, report);
    onProgress?.({ source, verifier, done, total });
  });
}

async function forEach<T>(
  items: readonly T[],
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal | undefined },
  work: (item: T, done: number, total: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let done = 0;
  const run = async (): Promise<void> => {
    while (next < items.length) {
      signal?.throwIfAborted();
      const item = items[next++] as T;
      await work(item, ++done, items.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, run));
}
