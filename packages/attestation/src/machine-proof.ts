import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, isOk, pass } from '@ogong/protocol/base/checks';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type LedgerDomain, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { type MachineProof, parseMachineProof } from '@ogong/protocol/machine/machine-ejection';
import { checkAttestedReply, checkKeyWord } from '@ogong/protocol/tier/attestation';
import { nonceOfReply, readAttestation } from '@ogong/protocol/tier/proxied';
import { findForgery, type MachineEvidence, readReportData } from './evidence.ts';
import { EvidenceError } from './evidence-error.ts';
import { parseEvidence } from './evidence-file.ts';
import { readPlatformRevokedSince } from './intel.ts';
import { parseQuote } from './intel-quote.ts';
import { nameMachine } from './machine-name.ts';

/** How long a provider may go on after a quorum revoked its machine: it may not have read the chain yet. */
export const REVOKED_GRACE_MS = 7 * 86_400_000;
/** As much after its vendor's list did: the one that it holds, and validators take, is good for another 30 days. */
export const VENDOR_GRACE_MS = REVOKED_GRACE_MS + 30 * 86_400_000;

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
  /** When the reply began, as its record says, which the machine's key signed. Unix time in ms; 0 where the proof cannot be read. */
  readonly beganMs: number;
  readonly checks: readonly Check[];
  /** All checks passed: the provider's own key vouched for what is forged, or was revoked long before. */
  readonly isProven: boolean;
}

/**
 * Decides whether a provider is to be ejected for its machine: `proof-form`, or `attested-key`, `attested-reply`, `attested-order`, `offence`.
 * The bytes and the chain's own past decide: every later reader finds the same, and no reader's policy or clock counts.
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
    if (forged !== undefined && proof.revokedList.length > 0)
      throw new EvidenceError('a list of revoked certificates is no part of a proof of what is forged');
    const revoked = forged ?? (await findRevoked(proof, judge, { evidence, untilMs: Number(named.expiresAtMs) }));
    // The record names the reply alone. When it was asked for stands in what the machine signed.
    const nonce = nonceOfReply(crypto, order, read.exchanges);
    const { replyId, startNs } = parseRecordV2(record);
    const isOfOrder =
      equalBytes(replyId, named.replyId) &&
      (forged !== undefined || equalBytes(readReportData(evidence).subarray(32), nonce));
    const checks = [
      checkKeyWord(crypto, attestation, { ledger, attestedKey: read.attestedKey, providerKey }),
      checkAttestedReply(crypto, read, { order, record }),
      check('attested-order', isOfOrder, ['the evidence is about this order', 'the evidence is about another order']),
      revoked === undefined
        ? fail('offence', 'the machine is neither forged, nor was it revoked long enough before the order')
        : pass('offence', forged === undefined ? revoked : `forged: ${forged}`),
    ];
    const isProven = isOk(checks) && checks.every(({ status }) => status === 'pass');
    const beganMs = Number(startNs / 1_000_000n);
    return { providerId: hashHybridKey(crypto, providerKey), beganMs, checks, isProven };
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof EvidenceError)) throw error;
    const checks = [fail('proof-form', error.message)];
    return { providerId: new Uint8Array(32), beganMs: 0, checks, isProven: false };
  }
}

async function findRevoked(
  { revokedList }: Pick<MachineProof, 'revokedList'>,
  { wasMachineRevoked }: Pick<MachineJudge, 'wasMachineRevoked'>,
  { evidence, untilMs }: { readonly evidence: MachineEvidence; readonly untilMs: number },
): Promise<string | undefined> {
  const { fromMs: beginsMs } = computeOrderSpan({ expiresAtMs: untilMs });
  if (revokedList.length > 0 && evidence.cpu.kind === 'intel') {
    const sinceMs = await readPlatformRevokedSince(parseQuote(evidence.cpu.quote), revokedList);
    if (sinceMs !== undefined && sinceMs <= beginsMs - VENDOR_GRACE_MS)
      return `its vendor had the platform revoked by ${new Date(sinceMs).toISOString()}`;
  }
  if (wasMachineRevoked === undefined) return undefined;
  const { machine } = await nameMachine(evidence);
  return (await wasMachineRevoked(machine, { fromMs: beginsMs - REVOKED_GRACE_MS, untilMs }))
    ? 'a quorum had its machine revoked'
    : undefined;
}
