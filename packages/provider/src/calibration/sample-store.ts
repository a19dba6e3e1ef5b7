import { bytes, columns, integer, oneOf, optional, text } from '@ogong/host/store/columns';
import { openStore, type Store } from '@ogong/host/store/store';
import { TEXT_ENDPOINTS } from '@ogong/protocol/modality/text/commitment/header';
import type { ServedSample } from './sample.ts';

/** The number grows whenever the bytes change that are served for a seed (kept-samples.test.ts). */
export const SAMPLES_FILE = 'samples-16.sqlite';

/** A sample with the report of one verifier, or with none if it could not be scored. */
export interface ScoredSample extends ServedSample {
  readonly source: string;
  readonly verifier: string;
  readonly report: Uint8Array | undefined;
}

/**
 * Samples on disk, by serving side, scoring side and seed. Interrupted work resumes at its last sample, and statistics are
 * computed again without a model.
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

const sampleFields = {
  seed: integer,
  endpoint: oneOf(TEXT_ENDPOINTS),
  request: bytes,
  record: bytes,
  opening: bytes,
  response: bytes,
};
const servedSample = columns(sampleFields);
const servedRow = columns({ source: text, sample: servedSample });
const scoredSample = columns({ ...sampleFields, report: optional(bytes) });
const pairRow = columns({ source: text, verifier: text, count: integer });
const seedRow = columns({ seed: integer });
const sourceRow = columns({ source: text });

/** @throws StoreError */
export function openSampleStore(path: string): SampleStore {
  const store: Store = openStore(path, { schema: SAMPLES_SCHEMA });
  // Samples can be made again: to lose the last ones in a power failure is cheaper than a sync for each.
  store.database.exec('PRAGMA synchronous = OFF');
  return {
    readServed(source, seed) {
      const sql = `SELECT ${servedSample.list} FROM served WHERE source = ? AND seed = ?`;
      return servedSample.get(store.prepare(sql), source, seed);
    },
    listSeeds: (source) =>
      seedRow
        .all(store.prepare('SELECT seed FROM served WHERE source = ? ORDER BY seed'), source)
        .map(({ seed }) => seed),
    listSources: () =>
      sourceRow.all(store.prepare('SELECT DISTINCT source FROM served ORDER BY source')).map(({ source }) => source),
    writeServed(source, sample) {
      // The first one stays: another process may have stored it at the same time.
      servedRow.insert(store, 'INSERT OR IGNORE INTO served', { source, sample });
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
          `SELECT ${scoredSample.list} FROM reports JOIN served USING (source, seed)
           WHERE source = ? AND verifier = ? ORDER BY seed`,
        )
        .iterate(source, verifier);
      for (const row of rows) {
        yield { ...scoredSample.read(row), source, verifier };
      }
    },
    listPairs: () =>
      pairRow.all(
        store.prepare(
          'SELECT source, verifier, count(*) AS count FROM reports GROUP BY source, verifier ORDER BY 1, 2',
        ),
      ),
    close: () => store.close(),
  };
}
