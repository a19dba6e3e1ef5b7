import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settle-call';
import { computeTally } from '@ogong/host/views/emission-view';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type Allotment, hashAllotment } from '@ogong/protocol/settlement/emission';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

type EmissionClient = Pick<ChainClient, 'emissionState' | 'recycledWork' | 'allot'>;

/**
 * The tally that is due: of all work since the last one, up to the end of the last period that is over.
 * @param until ends it earlier, seconds since 1970.
 * @returns undefined where no period is over, or nobody earned anything.
 */
export async function computeAllotment(
  crypto: Crypto,
  client: Pick<EmissionClient, 'emissionState' | 'recycledWork'>,
  until?: bigint,
): Promise<Allotment | undefined> {
  const { count, talliedUntil, over } = await client.emissionState();
  const end = until !== undefined && until < over ? until : over;
  if (end <= talliedUntil) return undefined;
  const tally = computeTally(crypto, await client.recycledWork(talliedUntil, end));
  return tally && { number: count, until: end, root: tally.root, units: tally.units };
}

/**
 * Computes the tally that is due by the chain, and signs it.
 * @param domain of the emission contract. @returns undefined where none is due. @throws ChainError, SignerError
 */
export async function signAllotment(
  {
    crypto,
    signer,
    domain,
  }: { readonly crypto: Crypto; readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: EmissionClient,
  until?: bigint,
): Promise<(Allotment & { readonly signature: Uint8Array }) | undefined> {
  const allotment = await computeAllotment(crypto, client, until);
  if (allotment === undefined) return undefined;
  return { ...allotment, signature: await signer.sign({ kind: 'allotment', domain, ...allotment }) };
}

/**
 * Submits the signatures of those who agree, whatever their order.
 * @returns the transaction; undefined where no tally is due. @throws ChainError also where they are no quorum
 */
export async function submitAllotment(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: EmissionClient,
  { signatures, until }: { readonly signatures: readonly Uint8Array[]; readonly until?: bigint | undefined },
): Promise<string | undefined> {
  const allotment = await computeAllotment(crypto, client, until);
  if (allotment === undefined) return undefined;
  const quorum = await sortQuorum(hashAllotment(crypto, domain, allotment), signatures);
  const { transactionHash } = await client.allot({ ...allotment, quorum });
  return transactionHash;
}
