import { AttesterError } from '@ogong/host/attester/attester';
import { attestationPart } from '@ogong/protocol/tier/attestation';
import type { ShownExchange } from '@ogong/protocol/tier/proxied';
import { isAttestedTier, isProxiedTier } from '@ogong/protocol/tier/registry';
import type { EvidenceParts } from '@ogong/protocol/tier/tier';
import type { AttestedMachine } from './attested-machine.ts';

export interface EvidenceRequest {
  readonly tier: string;
  /** The exact bytes that the payer signed. */
  readonly order: Uint8Array;
  readonly record: Uint8Array;
  /** The exchange with the hosted API, if one answered. */
  readonly exchange?: ShownExchange | undefined;
}

/** Makes the own evidence of a reply; without a machine, or in a tier that has none, there are no parts. @throws AttesterError */
export async function makeReplyEvidence(
  machine: AttestedMachine | undefined,
  { tier, order, record, exchange }: EvidenceRequest,
): Promise<EvidenceParts> {
  if (machine === undefined || !isAttestedTier(tier)) return {};
  const isProxied = isProxiedTier(tier);
  if (isProxied && exchange === undefined)
    throw new AttesterError('malformed', 'the hosted API was not asked over a link that can be shown');
  const exchanges = isProxied && exchange !== undefined ? [exchange] : [];
  return { [attestationPart.name]: await machine.attest({ order, record, exchanges }) };
}
