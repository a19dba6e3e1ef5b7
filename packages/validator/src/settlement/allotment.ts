import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { computeTally } from '@ogong/host/views/emission-view';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { type Allotment, hashAllotment } from '@ogong/protocol/settlement/emission';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

type EmissionReads = Pick<ChainClient, 'emissionState' | 'recycledWork' | 'recycledBefore'>;
type EmissionClient = EmissionReads & Pick<ChainClient, 'allot'>;

/**
 * Computes the due tally. It is the same for all readers of the chain until it is submitted: a signer signs one tally
 * under each number. It ends with the first finished period that has earnings.
 * @param options.until another end, seconds since 1970: the end of a finished period. `settledS`: a period counts as
 * finished only so many seconds later.
 * @returns undefined where none is due.
 */
export async function computeAllotment(
  crypto: Crypto,
  client: EmissionReads,
  { until, settledS = 0n }: { readonly until?: bigint | undefined; readonly settledS?: bigint } = {},
): Promise<Allotment | undefined> {
  const { count, talliedUntil, start, period, now } = await client.emissionState();
  const last = now - settledS < start ? start : now - settledS - ((now - settledS - start) % period);
  const compute = async (end: bigint): Promise<Allotment | undefined> => {
    const tally = computeTally(crypto, await client.recycledWork(talliedUntil, end));
    return tally && { number: count, until: end, root: tally.root, units: tally.units };
  };
  if (last <= talliedUntil) return undefined;
  // A signer signs one tally under each number, so all operators must name the same end, and the contract must accept
  // it.
  if (until !== undefined) {
    const isTaken = until > talliedUntil && until <= last && (until - start) % period === 0n;
    return isTaken ? compute(until) : undefined;
  }
  let periods = await countIdle(client, { talliedUntil, period, last });
  // The recycled amount may be too small for a whole unit.
  for (; talliedUntil + periods * period <= last; periods++) {
    const allotment = await compute(talliedUntil + periods * period);
    if (allotment !== undefined) return allotment;
  }
  return undefined;
}

/** @returns the number of the first period since the last tally that recycled something, from 1; beyond the last one if none did. */
async function countIdle(
  client: Pick<ChainClient, 'recycledBefore'>,
  { talliedUntil, period, last }: { readonly talliedUntil: bigint; readonly period: bigint; readonly last: bigint },
): Promise<bigint> {
  const before = await client.recycledBefore(talliedUntil);
  let [low, high] = [1n, (last - talliedUntil) / period + 1n];
  while (low < high) {
    const middle = (low + high) / 2n;
    if ((await client.recycledBefore(talliedUntil + middle * period)) > before) high = middle;
    else low = middle + 1n;
  }
  return low;
}

/**
 * Computes the due tally from the chain, and signs it.
 * @param domain of the emission contract. @returns undefined if none is due. @throws ChainError, SignerError
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
  const allotment = await computeAllotment(crypto, client, { until });
  if (allotment === undefined) return undefined;
  return { ...allotment, signature: await signer.sign({ kind: 'allotment', domain, ...allotment }) };
}

/**
 * Submits the signatures of the agreeing operators, in any order.
 * @returns the transaction; undefined if no tally is due. @throws ChainError also if they are no quorum
 */
export async function submitAllotment(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: EmissionClient,
  { signatures, until }: { readonly signatures: readonly Uint8Array[]; readonly until?: bigint | undefined },
): Promise<string | undefined> {
  const allotment = await computeAllotment(crypto, client, { until });
  if (allotment === undefined) return undefined;
  const quorum = await sortQuorum(hashAllotment(crypto, domain, allotment), signatures);
  const { transactionHash } = await client.allot({ ...allotment, quorum });
  return transactionHash;
}
