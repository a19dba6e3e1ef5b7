import { openStore, type Store } from '../store/store.ts';
import type { ServedSample } from './sample.ts';

/** The number goes up where the bytes change that are served for a seed (kept-samples.test.ts). */
export const SAMPLES_FILE = 'samples-3.sqlite';

/** A sample with the report of one verifier, or with none where it could not be scored. */
export interface ScoredSample extends ServedSample {
  readonly source: string;
  readonly verifier: string;
  readonly report: Uint8Array | undefined;
}

/**
 * Samples on disk, by who served, who scored and which seed: work that was interrupted goes on where it stopped, and
 * statistics are computed again without a model.
 */
export interface SampleStore {
  readServed(source: string, seed: number): ServedSample | undefined;
  /** Seeds that a source has served, ascending. */
  listSeeds(source: string): readonly number[];
  listSources(): readonly string[];
  writeServed(source: string, sample: ServedSample): void;
  hasReport(source: string, verifier: string, seed: number): boolean;
  writeReport(source: string, verifier: string, seed: number, report: Uint8Array | undefined): void;
  /** Ascending by seed, one at a time. */
  readScored(source: string, verifier: string): IterableIterator<ScoredSample>;
  /** Pairs of source and verifier with their numbers of samples. */
  listPairs(): readonly { readonly source: string; readonly verifier: string; readonly count: number }[];
  close(): void;
}

const SAMPLES_SCHEMA = `
   CREATE TABLE served (
     source TEXT NOT NULL, seed INTEGER NOT NULL, endpoint TEXT NOT NULL, request BLOB NOT NULL, record BLOB NOT NULL,
     opening BLOB NOT NULL, response BLOB NOT NULL, PRIMARY KEY (source, seed)) STRICT, WITHOUT ROWID;
   CREATE TABLE reports (
     source TEXT NOT NULL, verifier TEXT NOT NULL, seed INTEGER NOT NULL, report BLOB,
     PRIMARY KEY (source, verifier, seed)) STRICT, WITHOUT ROWID`;

/** @throws StoreError */
export function openSampleStore(path: string): SampleStore {
  const store: Store = openStore(path, { schema: SAMPLES_SCHEMA });
  // Samples can be made again: losing the last ones with the power is cheaper than a sync for each.
  store.database.exec('PRAGMA synchronous = OFF');
  const toServed = (row: Record<string, unknown>): ServedSample => ({
    seed: row.seed as number,
    endpoint: row.endpoint as ServedSample['endpoint'],
    request: row.request as Uint8Array,
    record: row.record as Uint8Array,
    opening: row.opening as Uint8Array,
    response: row.response as Uint8Array,
  });
  return {
    readServed(source, seed) {
      const row = store.prepare('SELECT * FROM served WHERE source = ? AND seed = ?').get(source, seed);
      return row && toServed(row);
    },
    listSeeds: (source) =>
      store
        .prepare('SELECT seed FROM served WHERE source = ? ORDER BY seed')
        .all(source)
        .map(({ seed }) => seed as number),
    listSources: () =>
      store
        .prepare('SELECT DISTINCT source FROM served ORDER BY source')
        .all()
        .map(({ source }) => source as string),
    writeServed(source, { seed, endpoint, request, record, opening, response }) {
      store
        // Who came first stands: another run beside this one may have scored it.
        .prepare('INSERT OR IGNORE INTO served VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(source, seed, endpoint, request, record, opening, response);
    },
    hasReport: (source, verifier, seed) =>
      store
        .prepare('SELECT 1 FROM reports WHERE source = ? AND verifier = ? AND seed = ?')
        .get(source, verifier, seed) !== undefined,
    writeReport(source, verifier, seed, report) {
      store.prepare('INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?)').run(source, verifier, seed, report ?? null);
    },
    *readScored(source, verifier) {
      const rows = store
        .prepare(
          `SELECT served.*, report FROM reports JOIN served USING (source, seed)
           WHERE source = ? AND verifier = ? ORDER BY seed`,
        )
        .iterate(source, verifier);
      for (const row of rows) {
        yield { ...toServed(row), source, verifier, report: (row.report as Uint8Array | null) ?? undefined };
      }
    },
    listPairs: () =>
      store
        .prepare('SELECT source, verifier, count(*) AS count FROM reports GROUP BY source, verifier ORDER BY 1, 2')
        .all()
        .map((row) => ({
          source: row.source as string,
          verifier: row.verifier as string,
          count: row.count as number,
        })),
    close: () => store.close(),
  };
}
