import type { ChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import { KeyFileError } from '@ogong/host/crypto/key-files';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';

export interface Registration {
  /** `host:port` that the other validators, providers and gateways can reach. */
  readonly endpoint: string;
  /** 32 bytes. */
  readonly certHash: Uint8Array;
  readonly vrfSeed: Uint8Array;
  /** The total bond to reach, atomic units. */
  readonly bondAtomic: bigint;
}

export type RegistrationOutcome = 'registered' | 'updated' | 'unchanged';

/**
 * Bonds what is missing and registers, or updates what has changed. It can be repeated after a failure.
 * @throws ChainError, KeyFileError
 */
export async function registerValidator(
  client: Pick<ChainClient, 'address' | 'bondOf' | 'bond' | 'validators' | 'registerValidator' | 'updateValidator'>,
  { endpoint, certHash, vrfSeed, bondAtomic }: Registration,
): Promise<RegistrationOutcome> {
  const address = client.address as NonNullable<ChainClient['address']>;
  const { amount } = await client.bondOf(address);
  if (amount < bondAtomic) await client.bond(bondAtomic - amount);
  const present = (await client.validators()).find(({ account }) => account === address);
  const vrfKey = computeVrfPublicKey(vrfSeed);
  if (present === undefined) {
    await client.registerValidator({ endpoint, certHash, vrfKey });
    return 'registered';
  }
  if (present.vrfKey !== bytesToHex(vrfKey)) {
    throw new KeyFileError(
      'malformed',
      'vrf.key is not the key that the registry has: an address keeps its key for good',
    );
  }
  if (present.endpoint === endpoint && present.certHash === bytesToHex(certHash)) return 'unchanged';
  await client.updateValidator({ endpoint, certHash });
  return 'updated';
}
