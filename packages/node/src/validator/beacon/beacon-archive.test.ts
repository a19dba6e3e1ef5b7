import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { type BeaconCertificate, computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
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
  certify(1_000_002);
  expect(archive.find(2n)).toBeUndefined();
  expect(store.prepare('SELECT count(*) AS n FROM beacon_values').get()?.n).toBe(3);
});
