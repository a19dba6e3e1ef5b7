import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashPardon, type Pardon } from '@ogong/protocol/settlement/pardon';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

export interface SignedPardon extends Pardon {
  /** Amount that the payee gets back, atomic units. */
  readonly amountAtomic: bigint;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Signs that a payee gets back its stake from penalties.
 * @param domain of the settlement contract.
 * @returns undefined if penalties hold nothing. @throws ChainError, SignerError
 */
export async function signPardon(
  { signer, domain }: { readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: Pick<ChainClient, 'heldPenaltyOf'>,
  payee: Uint8Array,
): Promise<SignedPardon | undefined> {
  const { amountAtomic, penalty } = await client.heldPenaltyOf(payee);
  if (amountAtomic === 0n) return undefined;
  const signature = await signer.sign({ kind: 'pardon', domain, payee, penalty });
  return { payee, penalty, amountAtomic, signature };
}

/**
 * Submits the signatures of the agreeing operators, in any order.
 * @returns the transaction; undefined if nothing is held. @throws ChainError also if they are no quorum
 */
export async function submitPardon(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: Pick<ChainClient, 'heldPenaltyOf' | 'pardon'>,
  { payee, signatures }: { readonly payee: Uint8Array; readonly signatures: readonly Uint8Array[] },
): Promise<string | undefined> {
  const { amountAtomic, penalty } = await client.heldPenaltyOf(payee);
  if (amountAtomic === 0n) return undefined;
  const digest = hashPardon(crypto, domain, { payee, penalty });
  const { transactionHash } = await client.pardon(payee, await sortQuorum(digest, signatures));
  return transactionHash;
}
