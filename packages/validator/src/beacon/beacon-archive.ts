import { bigInteger, bytes, type Columns, columns, integer, mapped, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { createFormat } from '@ogong/protocol/base/codec';
import {
  type BeaconCertificate,
  type BeaconNetwork,
  computeGenesisBeacon,
  encodeBeaconCertificate,
  parseBeaconCertificate,
} from '@ogong/protocol/beacon/beacon';
import type { BeaconPoint, BeaconVote } from '@ogong/protocol/beacon/beacon-state';
import {
  type EpochCertificate,
  encodeEpochCertificate,
  parseEpochCertificate,
  readEpochValue,
} from '@ogong/protocol/beacon/epoch-certificate';
import { type EraValidator, eraValidatorsFormat } from '@ogong/protocol/beacon/threshold/members';
import type { ThresholdCertificate } from '@ogong/protocol/beacon/threshold/threshold-value';
import { memberList, type SetMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** The certificates and the vote that outlive the process. */
export interface BeaconArchive {
  /** Returns the newest point of the chain of values, or genesis before the first certificate. */
  latest(): BeaconPoint;
  /** Returns value and predecessor of an epoch or of genesis. They outlive the certificate. */
  find(epoch: bigint): { readonly value: Uint8Array; readonly previous: Uint8Array } | undefined;
  /** Returns the canonical bytes, empty at genesis. */
  findCertificate(epoch: bigint): Uint8Array | undefined;
  /** Returns the certificate of an epoch of the bootstrap beacon. */
  findAggregate(epoch: bigint): BeaconCertificate | undefined;
  vote(): BeaconVote | undefined;
  /** Returns the members of a stored set. */
  findSet(set: Uint8Array): readonly SetMember[] | undefined;
  /** Returns the committee of an era, by its hash. */
  findCommittee(set: Uint8Array): readonly EraValidator[] | undefined;
  /** Returns the stored bytes of a set or committee. */
  findMemberBytes(hash: Uint8Array): Uint8Array | undefined;
  putCommittee(store: Store, set: Uint8Array, members: readonly EraValidator[]): void;
  /** Stores a certificate. Call it inside a group commit. */
  putCertificate(store: Store, certificate: BeaconCertificate): void;
  /** The same for an epoch of the threshold beacon. */
  putThreshold(store: Store, certificate: ThresholdCertificate): void;
  /**
   * Lists certificates of the threshold beacon from an epoch on, ascending, with a limit. Skipped epochs are left out.
   */
  listThreshold(from: bigint, most: number): readonly ThresholdCertificate[];
  putVote(store: Store, vote: BeaconVote): void;
  putSet(store: Store, set: Uint8Array, members: readonly SetMember[]): void;
}

/** More than a day at the default epoch. Requests for certificates look back far less. */
const KEPT_CERTIFICATES = 20_000n;
/** Almost two months, 72 bytes each: peers may have had no chain, or no gas, for weeks before they settle. */
const KEPT_VALUES = 1_000_000n;
/** As many as certificates: if stakes change in each epoch, each certificate names another set. */
const KEPT_SETS = Number(KEPT_CERTIFICATES);
/** Integers of SQLite have 64 bits and a sign. An epoch from the wire has no sign. */
const MAX_STORED_EPOCH = (1n << 63n) - 1n;

const certificate = mapped(bytes, parseBeaconCertificate, encodeBeaconCertificate);
/** Column of an epoch's certificate, of either beacon. */
const epochCertificate = mapped(bytes, parseEpochCertificate, encodeEpochCertificate);
const certificateColumns = columns({ certificate: epochCertificate });
/** Column of the bytes of a certificate, which are returned without parsing. */
const certificateBytes = columns({ certificate: bytes });
const keptCertificate = columns({ epoch: bigInteger, certificate: epochCertificate });
const valueColumns = columns({ value: bytes, previous: bytes });
const keptValue = columns({ epoch: bigInteger, value: bytes, previous: bytes });
const voteFields = {
  ...{ epoch: bigInteger, view: integer, value: bytes, next: bytes, block: bigInteger },
  lock: optional(certificate),
} as const;
const voteColumns = columns(voteFields);
/** Format of a set in the store and on the wire. */
export const keptMembersFormat = createFormat(memberList, { tag: 'ogong-validators-v1' });
const members = mapped(bytes, keptMembersFormat.decode, keptMembersFormat.encode);
const setColumns = columns({ members });
const keptSet = columns({ hash: bytes, members });
const seats = mapped(bytes, eraValidatorsFormat.decode, eraValidatorsFormat.encode);
const seatColumns = columns({ seats });
const keptSeats = columns({ hash: bytes, seats });
const memberBytes = columns({ kept: bytes });
/** The table has one row, with id 0. */
const keptVote = columns({ id: integer, ...voteFields });

export function createBeaconArchive(
  network: BeaconNetwork,
  { crypto, store }: { crypto: Crypto; store: Store },
): BeaconArchive {
  const genesis = computeGenesisBeacon(crypto, network);
  const readEpoch = <T>({ list, get }: Columns<T>, epoch: bigint, table = 'beacons'): T | undefined =>
    epoch > MAX_STORED_EPOCH
      ? undefined
      : store.read(() => get(store.prepare(`SELECT ${list} FROM ${table} WHERE epoch = ?`), epoch));

  // Cached, since every order and message needs it. Writing a certificate clears it.
  let latest: BeaconPoint | undefined;

  function readLatest(): BeaconPoint {
    const sql = `SELECT ${certificateColumns.list} FROM beacons ORDER BY epoch DESC LIMIT 1`;
    const row = store.read(() => certificateColumns.get(store.prepare(sql)));
    if (row === undefined) return { epoch: 0n, value: genesis };
    const { kind, ...certificate } = row.certificate;
    const { epoch, value } = readEpochValue(crypto, network, row.certificate);
    return { epoch, value, ...(kind === 'aggregate' && { certificate: certificate as BeaconCertificate }) };
  }

  function put(db: Store, certificate: EpochCertificate): void {
    latest = undefined;
    const { epoch, value, previous } = readEpochValue(crypto, network, certificate);
    keptCertificate.insert(db, 'INSERT INTO beacons', { epoch, certificate }, 'ON CONFLICT DO NOTHING');
    keptValue.insert(db, 'INSERT INTO beacon_values', { epoch, value, previous }, 'ON CONFLICT DO NOTHING');
    const before = (kept: bigint): bigint => (epoch > kept ? epoch - kept : 0n);
    db.prepare('DELETE FROM beacons WHERE epoch < ?').run(before(KEPT_CERTIFICATES));
    db.prepare('DELETE FROM beacon_values WHERE epoch < ?').run(before(KEPT_VALUES));
  }

  return {
    latest() {
      latest ??= readLatest();
      return latest;
    },
    find(epoch) {
      if (epoch === 0n) return { value: genesis, previous: genesis };
      return readEpoch(valueColumns, epoch, 'beacon_values');
    },
    findCertificate(epoch) {
      if (epoch === 0n) return new Uint8Array(0);
      return readEpoch(certificateBytes, epoch)?.certificate;
    },
    findAggregate(epoch) {
      const found = readEpoch(certificateColumns, epoch)?.certificate;
      if (found?.kind !== 'aggregate') return undefined;
      const { kind: _, ...archived } = found;
      return archived;
    },
    vote() {
      return store.read(() => voteColumns.get(store.prepare(`SELECT ${voteColumns.list} FROM beacon_vote`)));
    },
    putCertificate: (db, added) => put(db, { kind: 'aggregate', ...added }),
    putThreshold: (db, added) => put(db, { kind: 'threshold', ...added }),
    listThreshold(from, most) {
      if (from > MAX_STORED_EPOCH) return [];
      const sql = `SELECT ${certificateColumns.list} FROM beacons WHERE epoch >= ? ORDER BY epoch LIMIT ?`;
      const found: ThresholdCertificate[] = [];
      for (const { certificate } of store.read(() => certificateColumns.all(store.prepare(sql), from, most))) {
        if (certificate.kind !== 'threshold') break;
        const { kind: _, ...archived } = certificate;
        found.push(archived);
      }
      return found;
    },
    findSet(set) {
      const sql = `SELECT ${setColumns.list} FROM validator_sets WHERE hash = ?`;
      return store.read(() => setColumns.get(store.prepare(sql), set))?.members;
    },
    findCommittee(set) {
      const sql = `SELECT ${seatColumns.list} FROM beacon_seats WHERE hash = ?`;
      return store.read(() => seatColumns.get(store.prepare(sql), set))?.seats;
    },
    findMemberBytes(hash) {
      const sql = `SELECT members AS kept FROM validator_sets WHERE hash = ?
        UNION ALL SELECT seats AS kept FROM beacon_seats WHERE hash = ?`;
      return store.read(() => memberBytes.get(store.prepare(sql), hash, hash))?.kept;
    },
    putCommittee(db, hash, seats) {
      keptSeats.insert(db, 'INSERT OR IGNORE INTO beacon_seats', { hash, seats });
    },
    putSet(db, hash, list) {
      keptSet.insert(db, 'INSERT OR REPLACE INTO validator_sets', { hash, members: list });
      db.prepare('DELETE FROM validator_sets WHERE number <= (SELECT max(number) FROM validator_sets) - ?').run(
        KEPT_SETS,
      );
    },
    putVote(db, vote) {
      keptVote.insert(db, 'INSERT OR REPLACE INTO beacon_vote', { id: 0, ...vote });
    },
  };
}
