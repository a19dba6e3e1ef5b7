import { bigInteger, bytes, columns, mapped } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes } from '@ogong/protocol/base/bytes';
import type { LogPosition, VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { CosignError } from './cosign-error.ts';

/** This validator's vote for a peer's batch of one number. */
export interface Vote {
  readonly digest: Uint8Array;
  readonly uncollectable: readonly Uint8Array[];
}

/** One entry of a log, with the fields in which two batches may contradict each other. */
export interface LogPlace {
  readonly position: bigint;
  /** Hash of the entry. */
  readonly hash: Uint8Array;
  readonly replyId: Uint8Array;
}

export interface Ballot extends Vote {
  readonly validator: Uint8Array;
  readonly sequence: bigint;
  readonly places: readonly LogPlace[];
  /** Digest of the earlier vote against which this one was checked. */
  readonly replaces: Uint8Array | undefined;
}

/** Addresses of 20 bytes each, one after another. */
const addresses = mapped(bytes, splitAddresses, (list: readonly Uint8Array[]) => concatBytes(...list));
const voteFields = { digest: bytes, uncollectable: addresses } as const;
const voteColumns = columns(voteFields);
const keptVote = columns({ validator: bytes, sequence: bigInteger, ...voteFields });
const keptPlace = columns({ validator: bytes, position: bigInteger, hash: bytes, replyId: bytes });
const hashColumn = columns({ hash: bytes });
const positionColumn = columns({ position: bigInteger });
const signedColumns = columns({ position: bigInteger, hash: bytes });

function splitAddresses(joined: Uint8Array): readonly Uint8Array[] {
  if (joined.length % 20 !== 0) throw new RangeError(`${joined.length} bytes are no list of addresses`);
  return Array.from({ length: joined.length / 20 }, (_, i) => joined.slice(i * 20, i * 20 + 20));
}

export function readVote(store: Store, validator: Uint8Array, sequence: bigint): Vote | undefined {
  const sql = `SELECT ${voteColumns.list} FROM cosigned WHERE validator = ? AND sequence = ?`;
  return voteColumns.get(store.prepare(sql), validator, sequence);
}

type LogEnd = Pick<LogPosition, 'head'>;

/** Lists the places of consecutive entries that end at the head. */
export function listPlaces(
  entries: readonly Pick<VerdictEntry, 'index' | 'previousHash' | 'replyId'>[],
  { head }: LogEnd,
): LogPlace[] {
  return entries.map(({ index, replyId }, i) => ({
    position: index,
    hash: entries[i + 1]?.previousHash ?? head,
    replyId,
  }));
}

/**
 * Checks that there is one log: at each position the entry signed before, and each reply at one position. So only a
 * shorter or longer run of the same log passes, under any number. @param places consecutive. @throws CosignError `conflict`
 */
export function assertOneLog(store: Store, validator: Uint8Array, places: readonly LogPlace[]): void {
  const signed = readHashes(store, validator, places);
  const findPosition = store.prepare('SELECT position FROM cosigned_entries WHERE validator = ? AND reply_id = ?');
  for (const { position, hash, replyId } of places) {
    const known = signed.get(position);
    if (known !== undefined && !equalBytes(known, hash)) {
      throw new CosignError('conflict', `entry ${position}: another log was signed`);
    }
    // The same entry was signed here with the same reply, which has this one place.
    if (known !== undefined) continue;
    const place = positionColumn.get(findPosition, validator, replyId);
    if (place !== undefined) {
      throw new CosignError('conflict', `entry ${position}: the reply was signed at entry ${place.position}`);
    }
  }
}

/** Reads the hashes of the entries that were signed at consecutive places, by position. */
function readHashes(
  store: Store,
  validator: Uint8Array,
  places: readonly Pick<LogPlace, 'position'>[],
): ReadonlyMap<bigint, Uint8Array> {
  const [first, last] = [places[0], places.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const sql = `SELECT ${signedColumns.list} FROM cosigned_entries WHERE validator = ? AND position BETWEEN ? AND ?`;
  const rows = signedColumns.all(store.prepare(sql), validator, first.position, last.position);
  return new Map(rows.map(({ position, hash }) => [position, hash]));
}

/** Finds the places of one log whose entry was signed before. @param places consecutive. */
export function findSigned(
  store: Store,
  validator: Uint8Array,
  places: readonly Pick<LogPlace, 'position' | 'hash'>[],
): ReadonlySet<bigint> {
  const signed = readHashes(store, validator, places);
  const isSigned = ({ position, hash }: Pick<LogPlace, 'position' | 'hash'>): boolean => {
    const known = signed.get(position);
    return known !== undefined && equalBytes(known, hash);
  };
  return new Set(places.filter(isSigned).map(({ position }) => position));
}

/** Call it inside one transaction. @throws CosignError if an earlier vote contradicts it. */
export function castVote(store: Store, ballot: Ballot): void {
  const { validator, sequence, digest, uncollectable, places, replaces } = ballot;
  const known = readVote(store, validator, sequence)?.digest;
  if (known !== undefined && !equalBytes(known, digest) && !(replaces && equalBytes(known, replaces))) {
    throw new CosignError('conflict', `another batch was signed as number ${sequence}`);
  }
  keptVote.insert(store, 'INSERT OR REPLACE INTO cosigned', { validator, sequence, digest, uncollectable });
  keepPlaces(store, validator, places);
}

/**
 * Stores the places before the signature leaves, also of this validator's own log. Call it inside one transaction.
 * @throws CosignError `conflict`
 */
export function keepPlaces(store: Store, validator: Uint8Array, places: readonly LogPlace[]): void {
  for (const place of places) {
    const isNew = keptPlace.insert(store, 'INSERT OR IGNORE INTO cosigned_entries', { validator, ...place });
    if (!isNew) assertOneLog(store, validator, [place]);
  }
}

/** Tells whether no other log was signed at the positions of these entries, or right before them. */
export function isSignable(
  store: Store,
  validator: Uint8Array,
  entries: readonly VerdictEntry[],
  end: LogEnd,
): boolean {
  const find = store.prepare('SELECT hash FROM cosigned_entries WHERE validator = ? AND position = ?');
  const [first] = entries;
  const before = first && first.index > 0n ? hashColumn.get(find, validator, first.index - 1n) : undefined;
  if (first && before && !equalBytes(before.hash, first.previousHash)) return false;
  try {
    assertOneLog(store, validator, listPlaces(entries, end));
    return true;
  } catch (error) {
    if (error instanceof CosignError) return false;
    throw error;
  }
}
