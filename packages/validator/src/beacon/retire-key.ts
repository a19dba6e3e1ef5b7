import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import type { BeaconKeysReads, BeaconKeysWrites } from '@ogong/chain/validators/beacon-keys';
import { hashRetirement, type Retirement } from '@ogong/protocol/beacon/threshold/retirement';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import { assertNearEnd } from '../signer/retirement-guard.ts';

interface SignedRetirement extends Retirement {
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Returns the present key with an end that the chain still accepts.
 * @returns undefined if there is none. @throws SignerError `conflict` if the end is more than a week ahead.
 */
async function nameRetirement(
  client: Pick<BeaconKeysReads, 'beaconKeys'>,
  lastEpoch: bigint,
): Promise<Retirement | undefined> {
  const reading = await client.beaconKeys();
  const last = reading?.generations.at(-1);
  if (reading === undefined || last === undefined || last.lastEpoch !== undefined) return undefined;
  if (lastEpoch <= reading.epoch || lastEpoch < last.firstEpoch) return undefined;
  assertNearEnd(reading, lastEpoch);
  return { generation: reading.generations.length, lastEpoch };
}

/**
 * Signs the end of the beacon's key without a successor.
 * @param domain of the settlement contract.
 * @returns undefined if there is no present key, or the epoch has begun. @throws ChainError, SignerError
 */
export async function signRetirement(
  { signer, domain }: { readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: Pick<BeaconKeysReads, 'beaconKeys'>,
  lastEpoch: bigint,
): Promise<SignedRetirement | undefined> {
  const retirement = await nameRetirement(client, lastEpoch);
  if (retirement === undefined) return undefined;
  return { ...retirement, signature: await signer.sign({ kind: 'beacon-retirement', domain, ...retirement }) };
}

/**
 * Submits the signatures of the agreeing operators, in any order.
 * @returns undefined as `signRetirement` does. @throws ChainError also if they are no quorum
 */
export async function submitRetirement(
  { crypto, domain: { chainId, verifyingContract } }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: Pick<BeaconKeysReads & BeaconKeysWrites, 'beaconKeys' | 'retireGeneration'>,
  { lastEpoch, signatures }: { readonly lastEpoch: bigint; readonly signatures: readonly Uint8Array[] },
): Promise<Retirement | undefined> {
  const retirement = await nameRetirement(client, lastEpoch);
  if (retirement === undefined) return undefined;
  const digest = hashRetirement(crypto, { chainId, settlement: verifyingContract }, retirement);
  await client.retireGeneration(retirement.generation, lastEpoch, await sortQuorum(digest, signatures));
  return retirement;
}
