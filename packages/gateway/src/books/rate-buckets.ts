import { columns, integer, named, real, text } from '@ogong/host/store/columns';
import type { Work } from '@ogong/host/store/work';
import { findRow, putRow, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';

export type RateUnit = 'requests' | 'tokens';

export interface BucketPlace {
  readonly keyId: string;
  readonly unit: RateUnit;
  /** Size of the bucket, and the amount that it refills in a minute. */
  readonly limit: number;
}

export interface BucketState {
  /** Below 0 if more was taken than was there. */
  readonly level: number;
  readonly filledMs: number;
}

/** The bucket after a take, and whether the take succeeded. */
export interface TakenBucket {
  readonly level: number;
  readonly isTaken: boolean;
}

export interface RateBuckets {
  /** Takes an amount if that much is there, or if the bucket is full. */
  take(place: BucketPlace, wanted: number): Promise<TakenBucket>;
  giveBack(place: BucketPlace, amount: number): Promise<void>;
}

const MINUTE_MS = 60_000;

/**
 * Fills a bucket up to now. A changed limit starts a new minute. A clock that goes back, or that of another gateway which is
 * behind, fills nothing.
 */
function fill(
  known: (BucketState & { readonly limit: number }) | undefined,
  limit: number,
  nowMs: number,
): BucketState {
  if (known?.limit !== limit) return { level: limit, filledMs: nowMs };
  const passedMs = Math.max(0, nowMs - known.filledMs);
  return { level: Math.min(limit, known.level + (limit * passedMs) / MINUTE_MS), filledMs: nowMs };
}

const isThere = ({ level }: BucketState, limit: number, wanted: number): boolean => level >= Math.min(wanted, limit);

/** Keeps buckets in memory: a restarted gateway begins with full ones. */
export function createMemoryBuckets(nowMs: () => number): RateBuckets {
  const buckets = new Map<string, BucketState & { readonly limit: number }>();
  const name = ({ keyId, unit }: BucketPlace): string => `${unit} ${keyId}`;
  return {
    async take(place, wanted) {
      const { limit } = place;
      const filled = fill(buckets.get(name(place)), limit, nowMs());
      const isTaken = isThere(filled, limit, wanted);
      const level = isTaken ? filled.level - wanted : filled.level;
      buckets.set(name(place), { limit, filledMs: filled.filledMs, level });
      return { level, isTaken };
    },
    async giveBack(place, amount) {
      const known = buckets.get(name(place));
      if (known?.limit !== place.limit) return;
      buckets.set(name(place), { ...known, level: Math.min(known.limit, known.level + amount) });
    },
  };
}

/** Part of the schema of a store that several gateways write to. */
export const BUCKET_TABLE = `
  CREATE TABLE buckets (
    key_id TEXT NOT NULL,
    unit TEXT NOT NULL,
    per_minute INTEGER NOT NULL,
    level REAL NOT NULL,
    filled_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, unit)
  ) STRICT, WITHOUT ROWID;
`;

const bucketRow = columns({
  ...{ keyId: text, unit: text, limit: named('per_minute', integer), level: real, filledMs: integer },
});

type BucketRow = ReturnType<typeof bucketRow.read>;
const bucketTable: WorkTable<BucketRow> = { name: 'buckets', key: ['key_id', 'unit'], row: bucketRow };

/**
 * Keeps buckets in the store that gateways share, so that a key has one minute's worth at all of them.
 * @param books has BUCKET_TABLE.
 */
export function createSharedBuckets(books: WorkStore, nowMs: () => number): RateBuckets {
  const find = ({ keyId, unit }: BucketPlace) => findRow(bucketTable, keyId, unit);
  const put = (place: BucketPlace, state: BucketState): Work<void> => putRow(bucketTable, { ...place, ...state });
  const touching = ({ keyId, unit }: BucketPlace): WorkOptions => ({ touches: [`bucket ${unit} ${keyId}`] });
  return {
    take: (place, wanted) =>
      books.write(function* (): Work<TakenBucket> {
        const known = yield* find(place);
        const filled = fill(known, place.limit, Math.max(known?.filledMs ?? 0, nowMs()));
        const isTaken = isThere(filled, place.limit, wanted);
        const level = isTaken ? filled.level - wanted : filled.level;
        yield* put(place, { level, filledMs: filled.filledMs });
        return { level, isTaken };
      }, touching(place)),
    giveBack: (place, amount) =>
      books.write(function* (): Work<void> {
        const known = yield* find(place);
        if (known?.limit !== place.limit) return;
        yield* put(place, { level: Math.min(place.limit, known.level + amount), filledMs: known.filledMs });
      }, touching(place)),
  };
}
