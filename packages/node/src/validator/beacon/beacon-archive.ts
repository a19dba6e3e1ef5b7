import type { Store } from '@ogong/host/store/store';
import {
  type BeaconCertificate,
  type BeaconNetwork,
  computeGenesisBeacon,
  encodeBeaconCertificate,
  parseBeaconCertificate,
} from '@ogong/protocol/beacon/beacon';
import type { BeaconPoint, BeaconVote } from '@ogong/protocol/beacon/beacon-state';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** The certificates and the vote that outlive the process. */
export interface BeaconArchive {
  /** Where the chain of values stands; genesis before the first certificate. */
  latest(): BeaconPoint;
  /** Value and predecessor of an epoch that is archived, or genesis. */
  find(epoch: bigint): { readonly value: Uint8Array; readonly previous: Uint8Array } | undefined;
  /** Canonical bytes; empty at genesis. */
  findCertificate(epoch: bigint): Uint8Array | undefined;
  /** The first archived epoch after one. */
  findNext(epoch: bigint): bigint | undefined;
  vote(): BeaconVote | undefined;
  /** Writes, to be called inside a group commit. */
  putCertificate(store: Store, certificate: BeaconCertificate): void;
  putVote(store: Store, vote: BeaconVote): void;
}

/** More than a day at the default epoch; audits and settlements look back far less. */
const KEPT_EPOCHS = 20_000n;
/** Integers of SQLite have 64 bits and a sign; an epoch from the wire has none. */
const MAX_STORED_EPOCH = (1n << 63n) - 1n;

export function createBeaconArchive(
  network: BeaconNetwork,
  { crypto, store }: { crypto: Crypto; store: Store },
): BeaconArchive {
  const genesis = computeGenesisBeacon(crypto, network);
  const parse = (row: Record<string, unknown>): BeaconCertificate =>
    parseBeaconCertificate(row.certificate as Uint8Array);
  const query = (sql: string, ...values: bigint[]) => store.read(() => store.prepare(sql).get(...values));

  const queryEpoch = (epoch: bigint) =>
    epoch > MAX_STORED_EPOCH ? undefined : query('SELECT certificate FROM beacons WHERE epoch = ?', epoch);

  // Cached, since every order and message needs it. Writing a certificate clears it.
  let latest: BeaconPoint | undefined;

  function readLatest(): BeaconPoint {
    const row = query('SELECT certificate FROM beacons ORDER BY epoch DESC LIMIT 1');
    if (row === undefined) return { epoch: 0n, value: genesis };
    const certificate = parse(row);
    return { epoch: certificate.epoch, value: certificate.value, certificate };
  }

  return {
    latest() {
      latest ??= readLatest();
      return latest;
    },
    find(epoch) {
      if (epoch === 0n) return { value: genesis, previous: genesis };
      const row = queryEpoch(epoch);
      return row && parse(row);
    },
    findCertificate(epoch) {
      if (epoch === 0n) return new Uint8Array(0);
      return queryEpoch(epoch)?.certificate as Uint8Array | undefined;
    },
    findNext(epoch) {
      const next = query('SELECT min(epoch) AS epoch FROM beacons WHERE epoch > ?', epoch)?.epoch;
      return next == null ? undefined : BigInt(next as number);
    },
    vote() {
      const row = query('SELECT * FROM beacon_vote');
      if (row === undefined) return undefined;
      return {
        epoch: BigInt(row.epoch as number),
        view: row.view as number,
        value: row.value as Uint8Array,
        lock: row.lock === null ? undefined : parseBeaconCertificate(row.lock as Uint8Array),
      };
    },
    putCertificate(db, certificate) {
      latest = undefined;
      db.prepare('INSERT INTO beacons (epoch, certificate) VALUES (?, ?) ON CONFLICT DO NOTHING').run(
        certificate.epoch,
        encodeBeaconCertificate(certificate),
      );
      db.prepare('DELETE FROM beacons WHERE epoch < ?').run(
        certificate.epoch > KEPT_EPOCHS ? certificate.epoch - KEPT_EPOCHS : 0n,
      );
    },
    putVote(db, { epoch, view, value, lock }) {
      db.prepare('INSERT OR REPLACE INTO beacon_vote (id, epoch, view, value, lock) VALUES (0, ?, ?, ?, ?)').run(
        epoch,
        view,
        value,
        lock ? encodeBeaconCertificate(lock) : null,
      );
    },
  };
}
