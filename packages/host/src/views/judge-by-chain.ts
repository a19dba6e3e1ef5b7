import { type ChainClient, createChainClient } from '@ogong/chain/client';
import { domainOf } from '@ogong/chain/domain';
import { fromHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ADMISSION_DOUBT_MS } from '@ogong/protocol/exchange/limits';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  computeCapacity,
  describeOverAdmission,
  judgeOverAdmission,
  type OverAdmission,
  type OverAdmissionClaim,
} from '@ogong/protocol/exchange/over-admission';
import { readDeployment } from '../config/read-deployment.ts';

/** The calls of a judge to the chain. */
export type EvidenceChain = Pick<ChainClient, 'channelChanges' | 'signingKeysAt' | 'convictionsOf'>;

export interface Judge {
  readonly chain: EvidenceChain;
  /** Domain of the escrow contract. */
  readonly ledger: LedgerDomain;
}

/** @param command owner of the settings, for the error. @throws ConfigError, ChainError */
export async function openJudge(command: string, where: Parameters<typeof readDeployment>[1]): Promise<Judge> {
  const found = readDeployment(command, where);
  const ledger = domainOf(found.deployment, found.deployment.escrow);
  return { chain: await createChainClient(found), ledger };
}

export interface JudgedEvidence {
  readonly claim: OverAdmissionClaim;
  /** The most that the channel had room for around the admissions. */
  readonly capacityAtomic: bigint;
  readonly checks: readonly Check[];
}

/**
 * Judges evidence of over-admission by nothing but the chain: every caller comes to the same verdict.
 * @throws ChainError, ProtocolError
 */
export async function judgeByChain(
  crypto: Crypto,
  { chain, ledger }: Judge,
  evidence: OverAdmission,
): Promise<JudgedEvidence> {
  const claim = describeOverAdmission(evidence);
  const { payer, validator, firstMs, lastMs } = claim;
  const doubtMs = BigInt(ADMISSION_DOUBT_MS);
  const times = [firstMs - doubtMs, firstMs, lastMs, lastMs + doubtMs].map(Number);
  const [changes, keys, { atMs }] = await Promise.all([
    chain.channelChanges(payer, validator, firstMs - doubtMs),
    chain.signingKeysAt(validator, times),
    chain.convictionsOf(validator),
  ]);
  const capacityAtomic = computeCapacity(changes, claim);
  const signingKeys = keys.map((key) => fromHex(key.slice(2), 20));
  const view = { ledger, signingKeys, capacityAtomic, convictedAtMs: atMs };
  return { claim, capacityAtomic, checks: judgeOverAdmission(crypto, view, evidence) };
}
