import type { ChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { toGenerations } from './beacon-generations.ts';

/** Ledger, settlement contract and validator set, as the chain has them now. */
export async function readTrust(chain: Pick<ChainClient, 'deployment' | 'validators' | 'beaconKeys'>): Promise<Trust> {
  const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
  const validators = await chain.validators();
  const beacon = chain.deployment.beaconKeys === undefined ? undefined : await chain.beaconKeys();
  return {
    ledger: domainOf(chain.deployment, chain.deployment.escrow),
    settlement: bytes(chain.deployment.settlement),
    validators: validators.map(({ account, signingKey, stake, endpoint, certHash, vrfKey }) => ({
      address: bytes(account),
      signingKey: bytes(signingKey),
      stake,
      endpoint,
      certHash: bytes(certHash),
      vrfKey: bytes(vrfKey),
    })),
    ...(beacon && { generations: toGenerations(beacon) }),
  };
}
