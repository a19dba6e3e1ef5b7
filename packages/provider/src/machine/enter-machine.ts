import { parseEvidence } from '@ogong/attestation/evidence-file';
import type { MachineName } from '@ogong/attestation/machine-name';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { CertifyMachineRequest, EvidenceAnswer } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  computeMachineNonce,
  hashMachineEntry,
  MACHINE_ENTRY_S,
  type MachineEntry,
} from '@ogong/protocol/machine/machine-entry';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';

export interface EnteringContext {
  readonly crypto: Crypto;
  /** Domain of the registry of machines. */
  readonly domain: LedgerDomain;
  readonly providerId: Uint8Array;
  /** The newest one. */
  readonly beacon: { readonly epoch: bigint; readonly value: Uint8Array };
  /** Seconds since 1970, by the chain. */
  readonly nowS: bigint;
  readonly validators: readonly QuorumMember[];
  /** Asks the provider that runs. */
  readonly show: (nonce: Uint8Array) => Promise<Pick<EvidenceAnswer, 'attestedKey' | 'sealKey' | 'evidence'>>;
  /** @returns 65 bytes. @throws LinkError with the validator's reason */
  readonly certify: (
    validator: QuorumMember,
    asked: Omit<CertifyMachineRequest, '$typeName' | '$unknown'>,
  ) => Promise<Uint8Array>;
}

export interface PreparedEntry {
  readonly entry: MachineEntry;
  readonly named: MachineName;
  /** JSON. */
  readonly evidence: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Accounts of those that did not sign, and why. */
  readonly refusals: readonly { readonly validator: Uint8Array; readonly reason: string }[];
}

/** Has the machine answer the newest beacon, and the validators sign for it. @throws EvidenceError, LinkError */
export async function prepareEntry({
  crypto,
  domain,
  providerId,
  beacon: { epoch, value: beacon },
  nowS,
  validators,
  show,
  certify,
}: EnteringContext): Promise<PreparedEntry> {
  const { attestedKey, sealKey, evidence } = await show(computeMachineNonce(crypto, { epoch, beacon, providerId }));
  const sealKeyHash = hashSealKey(crypto, sealKey?.sealKey ?? new Uint8Array());
  const { nameMachine } = await import('@ogong/attestation/machine-name');
  const named = await nameMachine(parseEvidence(evidence));
  const until = nowS + MACHINE_ENTRY_S;
  const { machine, image, platformKey } = named;
  const entry = {
    ...{ providerId, machine, image, platformKey, evidence: crypto.sha256(evidence), epoch, until },
    ...{ signingKey: attestedKey, sealKey: sealKeyHash },
  };
  const digest = hashMachineEntry(crypto, domain, entry);
  const asked = { providerId, attestedKey, sealKeyHash, evidence, epoch, until };
  const answers = await Promise.all(
    validators.map(async (validator) => {
      try {
        const signature = await certify(validator, asked);
        const signer = crypto.recoverAddress(digest, signature);
        if (signer !== undefined && equalBytes(signer, validator.signingKey)) return { signature };
        return { refusal: { validator: validator.address, reason: 'it signed something else' } };
      } catch (error) {
        return { refusal: { validator: validator.address, reason: (error as Error).message } };
      }
    }),
  );
  return {
    ...{ entry, named, evidence },
    signatures: answers.flatMap(({ signature }) => (signature === undefined ? [] : [signature])),
    refusals: answers.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal])),
  };
}
