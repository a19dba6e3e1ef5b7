import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import { expect, it } from 'vitest';
import { createBeaconArchive } from './beacon/beacon-archive.ts';
import { VALIDATOR_SCHEMA } from './store/schema.ts';
import { findVrfKey } from './validator-state.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const network = { chainId: 31_337n, settlement: bytes(20, 0) };
const memberOf = (value: number) => ({ address: bytes(20, value), signingKey: bytes(20, value), stake: 1n });
const [SET, SEATS] = [bytes(32, 1), bytes(32, 2)];

/**
 * Validator 1 was in the bootstrap beacon's set, and 2 is a member of the era that follows. All three are registered.
 */
function createState() {
  const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
  const archive = createBeaconArchive(network, { crypto, store });
  store.transact((db) => {
    archive.putSet(db, SET, [{ ...memberOf(1), vrfKey: bytes(32, 11) }]);
    archive.putCommittee(db, SEATS, [{ ...memberOf(2), boxKey: bytes(1_216, 2) }]);
    for (const [epoch, set] of [
      [4n, SET],
      [5n, bytes(32, 9)],
      [7n, bytes(32, 8)],
    ] as const) {
      const previous = computeGenesisBeacon(crypto, network);
      const certified = {
        following: SET,
        next: SET,
        block: 0n,
        value: bytes(32, 4),
        contributions: [],
        signatures: [],
      };
      archive.putCertificate(db, { epoch, view: 0, previous, set, ...certified });
    }
    archive.putThreshold(db, { generation: 1, epoch: 6n, signature: bytes(96, 7) });
  });
  const eras = [{ firstEpoch: 6n, set: `0x${toHex(SEATS)}` }];
  const chain = {
    beaconKeys: () => ({ eras }),
    recallByAddress: ([value]: Uint8Array) => (value === 4 ? undefined : { vrfKey: bytes(32, 10 + (value as number)) }),
  };
  const beacons = { get: async () => undefined };
  /** Of a set that was never heard here. */
  const askMembers = async ({ hash: [value] }: { readonly hash: Uint8Array }) =>
    value === 8 ? [memberOf(1)] : undefined;
  return { archive, beacons, chain, askMembers } as unknown as Parameters<typeof findVrfKey>[0];
}

it.each<[string, bigint, number, unknown]>([
  ['of the set that a certificate names is that of the account', 4n, 1, { vrfKey: bytes(32, 11) }],
  ['of who joined after that epoch does not count', 4n, 2, { vrfKey: undefined }],
  ['of who has a seat of the era is that of the account', 6n, 2, { vrfKey: bytes(32, 12) }],
  ['of who has no seat does not count', 6n, 3, { vrfKey: undefined }],
  ['of a set that others have is that of the account', 7n, 1, { vrfKey: bytes(32, 11) }],
  ['of a set that others have does not count outside it', 7n, 2, { vrfKey: undefined }],
  ['is not known where nobody has the set', 5n, 1, undefined],
  ['is not known where the epoch is not', 9n, 1, undefined],
])('a VRF key %s', async (_name, epoch, value, expected) => {
  expect(await findVrfKey(createState(), epoch, bytes(20, value))).toEqual(expected);
});
