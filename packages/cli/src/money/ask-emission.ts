import { randomBytes } from 'node:crypto';
import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { Secret } from '@ogong/host/crypto/secret';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import { readTrust } from '@ogong/host/views/read-trust';
import { createReader, fromHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { computeEmissionClaim, verifyEmissionProof } from '@ogong/protocol/settlement/emission';
import type { EmissionClaim } from './emission-claim.ts';

const ANSWER_TIMEOUT_MS = 15_000;
/** A tree over four billion accounts is not deeper. */
const MAX_STEPS = 32;

/** Asks one validator; undefined if it has no answer. */
export type AskUnits = (
  validator: QuorumMember,
  number: number,
) => Promise<{ readonly units: Uint8Array; readonly proof: readonly Uint8Array[] } | undefined>;

/**
 * Collects the tallies that an account did not claim from validators. Units and proof have to lead to the root on the chain, so validators
 * can at worst show nothing. No event is searched, so any RPC endpoint will do.
 * @returns with the numbers of the tallies that no validator showed.
 */
export async function collectAskedClaims(
  chain: Pick<ChainClient, 'emissionState' | 'allotmentOf' | 'hasClaimedEmission'>,
  account: Address,
  { validators, ask }: { readonly validators: readonly QuorumMember[]; readonly ask: AskUnits },
): Promise<{ readonly claims: readonly EmissionClaim[]; readonly unshown: readonly number[] }> {
  const claims: EmissionClaim[] = [];
  const unshown: number[] = [];
  const { count } = await chain.emissionState();
  for (let number = 0; number < count; number++) {
    if (await chain.hasClaimedEmission(number, account)) continue;
    const allotment = await chain.allotmentOf(number);
    const shown = await askInTurn(number, fromHex(account.slice(2), 20), {
      root: fromHex(allotment.root.slice(2)),
      validators,
      ask,
    });
    if (shown === undefined) unshown.push(number);
    else {
      const amount = computeEmissionClaim(allotment, shown.units);
      if (amount > 0n) claims.push({ number, amount, ...shown });
    }
  }
  return { claims, unshown };
}

/** The first answer that leads to the root. */
async function askInTurn(
  number: number,
  account: Uint8Array,
  {
    root,
    validators,
    ask,
  }: { readonly root: Uint8Array; readonly validators: readonly QuorumMember[]; readonly ask: AskUnits },
): Promise<Pick<EmissionClaim, 'units' | 'proof'> | undefined> {
  for (const validator of validators) {
    const answer = await ask(validator, number);
    if (answer === undefined || answer.units.length !== 16 || answer.proof.length > MAX_STEPS) continue;
    const units = createReader(answer.units).u128();
    if (verifyEmissionProof(nodeCrypto, root, { account, units }, answer.proof)) return { units, proof: answer.proof };
  }
  return undefined;
}

/** Asks the registered validators, each at the endpoint and certificate that the chain names, under a fresh certificate. */
export async function askEmissionClaims(chain: ChainClient, account: Address) {
  const { validators = [] } = await readTrust(chain);
  const links = createLinkPool({
    identity: createLinkIdentity(new Secret(randomBytes(32))),
    dialPolicy: toDialPolicy(BigInt(chain.deployment.chainId)),
  });
  try {
    return await collectAskedClaims(chain, account, { validators, ask: createAsk(links, account) });
  } finally {
    links.close();
  }
}

const createAsk =
  (links: LinkPool, account: Address): AskUnits =>
  async ({ endpoint, certHash }, number) => {
    try {
      const service = links.to(ValidatorService, { endpoint, certHash });
      const wanted = { number, account: fromHex(account.slice(2), 20) };
      return await service.getEmissionUnits(wanted, { timeoutMs: ANSWER_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof LinkError) return undefined;
      throw error;
    }
  };
