import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, isOk, pass } from '@ogong/protocol/base/checks';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type LedgerDomain, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { type MachineProof, parseMachineProof } from '@ogong/protocol/settlement/machine-ejection';
import { checkAttestedReply, checkKeyWord } from '@ogong/protocol/tier/attestation';
import { nonceOfReply, readAttestation } from '@ogong/protocol/tier/proxied';
import { findForgery, type MachineEvidence, readReportData } from './evidence.ts';
import { EvidenceError } from './evidence-error.ts';
import { parseEvidence } from './evidence-file.ts';
import { readPlatformRevokedSince } from './intel.ts';
import { parseQuote } from './intel-quote.ts';
import { nameMachine } from './machine-name.ts';

/** How long a provider may go on after its machine was revoked: it may have read neither the chain nor its vendor's list yet. */
export const REVOKED_GRACE_MS = 7 * 86_400_000;

export interface MachineJudge {
  readonly crypto: Crypto;
  /** Of the escrow. */
  readonly ledger: LedgerDomain;
  /** Whether the registry had a machine out in all of that time. Default: the network has none. @throws where the chain cannot be read */
  readonly wasMachineRevoked?:
    | ((machine: Uint8Array, span: { readonly fromMs: number; readonly untilMs: number }) => Promise<boolean>)
    | undefined;
}

export interface JudgedMachine {
  readonly providerId: Uint8Array;
  readonly checks: readonly Check[];
  /** All checks passed: the provider's own key vouched for what is forged, or was revoked long before. */
  readonly isProven: boolean;
}

/**
 * Judges whether a provider is to be ejected for its machine: `proof-form`, or `attested-key`, `attested-reply`, `attested-order`, `offence`. By the
 * bytes alone, but for the chain's own past: everybody who looks later finds the same, and nobody's policy or clock counts.
 * @throws what `wasMachineRevoked` throws
 */
export async function judgeMachineProof(bytes: Uint8Array, judge: MachineJudge): Promise<JudgedMachine> {
  const { crypto, ledger } = judge;
  try {
    const proof = parseMachineProof(bytes);
    const { order, record, providerKey, attestation } = proof;
    const read = readAttestation(attestation);
    const named = nameOrder(crypto, ledger, parseOrder(order));
    const evidence = parseEvidence(read.evidence);
    const forged = await findForgery(evidence);
    const revoked = forged ?? (await findRevoked(proof, judge, { evidence, untilMs: Number(named.expiresAtMs) }));
    // The record names the reply alone. When it was asked for stands in what the machine signed.
    const nonce = nonceOfReply(crypto, order, read.exchanges);
    const isOfOrder =
      equalBytes(parseRecordV2(record).replyId, named.replyId) &&
      (forged !== undefined || equalBytes(readReportData(evidence).subarray(32), nonce));
    const checks = [
      checkKeyWord(crypto, attestation, { ledger, attestedKey: read.attestedKey, providerKey }),
      checkAttestedReply(crypto, read, { order, record }),
      check('attested-order', isOfOrder, [
        'what was shown is about this order',
        'what was shown is about another order',
      ]),
      revoked === undefined
        ? fail('offence', 'the machine is neither forged, nor was it revoked a week before the order')
        : pass('offence', forged === undefined ? revoked : `forged: ${forged}`),
    ];
    const isProven = isOk(checks) && checks.every(({ status }) => status === 'pass');
    return { providerId: hashHybridKey(crypto, providerKey), checks, isProven };
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof EvidenceError)) throw error;
    return { providerId: new Uint8Array(32), checks: [fail('proof-form', error.message)], isProven: false };
  }
}

async function findRevoked(
  { revokedList }: Pick<MachineProof, 'revokedList'>,
  { wasMachineRevoked }: Pick<MachineJudge, 'wasMachineRevoked'>,
  { evidence, untilMs }: { readonly evidence: MachineEvidence; readonly untilMs: number },
): Promise<string | undefined> {
  const fromMs = untilMs - MAX_ORDER_LIFETIME_MS - REVOKED_GRACE_MS;
  if (revokedList.length > 0 && evidence.cpu.kind === 'intel') {
    const sinceMs = await readPlatformRevokedSince(parseQuote(evidence.cpu.quote), revokedList);
    if (sinceMs !== undefined && sinceMs <= fromMs)
      return `its vendor had the platform revoked by ${new Date(sinceMs).toISOString()}`;
  }
  if (wasMachineRevoked === undefined) return undefined;
  const { machine } = await nameMachine(evidence);
  return (await wasMachineRevoked(machine, { fromMs, untilMs })) ? 'a quorum had its machine revoked' : undefined;
}
