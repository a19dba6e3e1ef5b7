import type { ChainClient } from '@ogong/chain/client';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Trust } from '@ogong/protocol/stage1/trust';

/** Ledger, settlement contract and validator set, as the chain has them now. */
export async function readTrust(chain: Pick<ChainClient, 'deployment' | 'validators'>): Promise<Trust> {
  const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
  const { chainId, escrow, settlement } = chain.deployment;
  const validators = await chain.validators();
  return {
    ledger: { chainId: BigInt(chainId), verifyingContract: bytes(escrow) },
    settlement: bytes(settlement),
    validators: validators.map(({ account, signingKey, stake, endpoint, certHash, vrfKey }) => ({
      address: bytes(account),
      signingKey: bytes(signingKey),
      stake,
      endpoint,
      certHash: bytes(certHash),
      vrfKey: bytes(vrfKey),
    })),
  };
}
