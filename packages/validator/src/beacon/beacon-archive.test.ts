import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { type BeaconCertificate, computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { parseEpochCertificate, readEpochValue } from '@ogong/protocol/beacon/epoch-certificate';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { type BeaconArchive, createBeaconArchive } from './beacon-archive.ts';

const network = { chainId: 31_337n, settlement: new Uint8Array(20) };
const genesis = computeGenesisBeacon(crypto, network);
const beaconOf = (epoch: number): Uint8Array => (epoch === 0 ? genesis : new Uint8Array(32).fill(epoch));

let store: Store;
let archive: BeaconArchive;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  archive = createBeaconArchive(network, { crypto, store });
});
afterEach(() => store.close());

function certify(epoch: number): void {
  const certificate: BeaconCertificate = {
    epoch: BigInt(epoch),
    view: 0,
    previous: beaconOf(epoch - 1),
    ...{ set: beaconOf(0), following: beaconOf(0), next: beaconOf(0), block: 0n },
    value: beaconOf(epoch),
    contributions: [],
    signatures: [],
  };
  store.transact((db) => archive.putCertificate(db, certificate));
}

it('knows values long after their certificates are gone', () => {
  for (const epoch of [1, 2, 20_003]) certify(epoch);
  expect(archive.findCertificate(2n)).toBeUndefined();
  expect(archive.find(1n)).toEqual({ value: beaconOf(1), previous: genesis });
  expect(archive.find(2n)).toEqual({ value: beaconOf(2), previous: beaconOf(1) });
  // The one before it never came here.
  expect(archive.find(3n)).toBeUndefined();
  expect(archive.find(20_003n)).toMatchObject({ value: beaconOf(20_003) });
  certify(1_000_003);
  expect(archive.find(2n)).toBeUndefined();
  expect(store.prepare('SELECT count(*) AS n FROM beacon_values').get()?.n).toBe(2);
});

it('keeps certificates of both beacons, and lists those of the threshold beacon, without those passed over', () => {
  certify(1);
  const certificates = [2n, 3n, 5n].map((epoch) => ({ generation: 1, epoch, signature: new Uint8Array(96).fill(7) }));
  for (const certificate of certificates) store.transact((db) => archive.putThreshold(db, certificate));
  expect(archive.latest().epoch).toBe(5n);
  // The bootstrap beacon has no certificate here: a validator that continues from it reads the registry again.
  expect(archive.latest().certificate).toBeUndefined();
  const second = readEpochValue(crypto, network, { kind: 'threshold', ...certificates[0]! });
  expect(archive.find(2n)).toEqual({ value: second.value, previous: second.previous });
  expect(parseEpochCertificate(archive.findCertificate(1n)!).kind).toBe('aggregate');
  expect(archive.findCertificate(2n)).toHaveLength(146);
  expect(archive.listThreshold(2n, 64)).toEqual(certificates);
  expect(archive.listThreshold(4n, 64)).toEqual(certificates.slice(2));
  expect(archive.listThreshold(6n, 64)).toEqual([]);
  expect(archive.listThreshold((1n << 64n) - 1n, 64)).toEqual([]);
  expect(archive.listThreshold(2n, 1)).toEqual(certificates.slice(0, 1));
  expect(archive.listThreshold(1n, 64)).toEqual([]);
});

it('keeps as many sets as certificates may name', () => {
  const member = { address: new Uint8Array(20), signingKey: new Uint8Array(20), stake: 1n, vrfKey: new Uint8Array(32) };
  const hashOf = (n: number): Uint8Array => crypto.sha256(Uint8Array.of(n >> 8, n & 255));
  store.transact((db) => {
    for (let n = 0; n < 1_000; n++) archive.putSet(db, hashOf(n), [member]);
  });
  expect(archive.findSet(hashOf(0))).toEqual([member]);
  store.database.exec('UPDATE validator_sets SET number = number - 20000 WHERE number = 1');
  store.transact((db) => archive.putSet(db, hashOf(1_000), [member]));
  expect(archive.findSet(hashOf(0))).toBeUndefined();
  expect(archive.findSet(hashOf(1))).toEqual([member]);
});

it('finds the committee of an era by its hash', () => {
  const seats = [1, 2].map((byte) => ({
    ...{ address: new Uint8Array(20).fill(byte), signingKey: new Uint8Array(20).fill(byte + 8), stake: 5n },
    boxKey: new Uint8Array(1_216).fill(byte),
  }));
  const hash = new Uint8Array(32).fill(1);
  store.transact((db) => archive.putCommittee(db, hash, seats));
  expect(archive.findCommittee(hash)).toEqual(seats);
  expect(archive.findCommittee(new Uint8Array(32))).toBeUndefined();
});
