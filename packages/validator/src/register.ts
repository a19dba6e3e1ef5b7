import type { ChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import { KeyFileError } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';

export interface Registration {
  /** `host:port` that the other validators, providers and gateways can reach. */
  readonly endpoint: string;
  /** 32 bytes. */
  readonly certHash: Uint8Array;
  readonly vrfSeed: Uint8Array;
  /**
   * Public key to which shares of the beacon's key are sealed, 1,216 bytes. Default: the network has no threshold
   * beacon.
   */
  readonly boxKey?: Uint8Array | undefined;
  /**
   * Public key of the head signatures of this log, 1,344 bytes. Default: none, or the network has no threshold beacon.
   */
  readonly headKey?: Uint8Array | undefined;
  /** The total bond to reach, atomic units. */
  readonly bondAtomic: bigint;
}

type RegistryClient = Pick<
  ChainClient,
  'address' | 'bondOf' | 'bond' | 'validators' | 'registerValidator' | 'updateValidator'
>;
type BeaconKeysClient = Pick<ChainClient, 'boxKeyHashes' | 'registerBoxKey' | 'headKeyHashes' | 'registerHeadKey'>;

export type RegistrationOutcome = 'registered' | 'updated' | 'unchanged';

/**
 * Bonds the missing amount and registers, or updates the entry. The call can be repeated after a failure.
 * @throws ChainError, KeyFileError
 */
export async function registerValidator(
  client: RegistryClient & Partial<BeaconKeysClient>,
  { endpoint, certHash, vrfSeed, boxKey, headKey, bondAtomic }: Registration,
): Promise<RegistrationOutcome> {
  const address = client.address as NonNullable<ChainClient['address']>;
  const { amount } = await client.bondOf(address);
  if (amount < bondAtomic) await client.bond(bondAtomic - amount);
  const present = (await client.validators()).find(({ account }) => account === address);
  const vrfKey = computeVrfPublicKey(vrfSeed);
  if (present === undefined) {
    await client.registerValidator({ endpoint, certHash, vrfKey });
    await registerBoxKey(client, boxKey);
    await registerHeadKey(client, headKey);
    return 'registered';
  }
  if (present.vrfKey !== bytesToHex(vrfKey)) {
    throw new KeyFileError(
      'malformed',
      'vrf.key is not the key that the registry has: an address keeps its key for good',
    );
  }
  const isNewBox = await registerBoxKey(client, boxKey);
  const isNewHead = await registerHeadKey(client, headKey);
  if (present.endpoint === endpoint && present.certHash === bytesToHex(certHash)) {
    return isNewBox || isNewHead ? 'updated' : 'unchanged';
  }
  await client.updateValidator({ endpoint, certHash });
  return 'updated';
}

/** @returns true if the chain had another key. A validator that registers a new one gets new shares. */
export async function registerBoxKey(
  client: Pick<ChainClient, 'address'> & Partial<BeaconKeysClient>,
  boxKey: Uint8Array | undefined,
): Promise<boolean> {
  const { address, boxKeyHashes: read, registerBoxKey: register } = client;
  if (boxKey === undefined || address === undefined || read === undefined || register === undefined) return false;
  return registerWhereNew(boxKey, (await read([address]))[0], register);
}

/** @returns true if the chain had another key. */
export async function registerHeadKey(
  client: Pick<ChainClient, 'address'> & Partial<BeaconKeysClient>,
  headKey: Uint8Array | undefined,
): Promise<boolean> {
  const { address, headKeyHashes: read, registerHeadKey: register } = client;
  if (headKey === undefined || address === undefined || read === undefined || register === undefined) return false;
  return registerWhereNew(headKey, (await read([address]))[0], register);
}

async function registerWhereNew(
  key: Uint8Array,
  known: string | undefined,
  register: (key: Uint8Array) => Promise<unknown>,
): Promise<boolean> {
  if (known === bytesToHex(nodeCrypto.sha256(key))) return false;
  await register(key);
  return true;
}
