import { generateKeyPairSync, sign } from 'node:crypto';
import { encodeEvidence } from '@ogong/attestation/evidence-file';
import { type Attester, AttesterError } from '@ogong/host/attester/attester';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashSealKey, type SignedSealKey } from '@ogong/protocol/sealing/seal-key';
import {
  computeReportData,
  encodeAttestation,
  encodeKeyWord,
  encodeVouched,
  MAX_MACHINE_EVIDENCE_BYTES,
  stateReply,
} from '@ogong/protocol/tier/attestation';
import { encodeProxiedAttestation, nonceOfReply, type ShownExchange } from '@ogong/protocol/tier/proxied';

/** The machine's answer to a caller's nonce. */
export interface MachineAnswer {
  readonly attestedKey: Uint8Array;
  readonly sealKey: SignedSealKey;
  /** JSON. */
  readonly evidence: Uint8Array;
}

export interface AttestedAnswer {
  readonly order: Uint8Array;
  readonly record: Uint8Array;
  /** The exchanges with a hosted model. Default: the machine answered itself. */
  readonly exchanges?: readonly ShownExchange[];
}

/** A provider's machine: a key that is made in it and never leaves it, and evidence for it. */
export interface AttestedMachine {
  readonly kind: Attester['kind'];
  /** Evidence that would eject the provider is neither shown nor signed for. @throws AttesterError */
  show(nonce: Uint8Array): Promise<MachineAnswer>;
  /** Evidence for one order, and the attested key's signature over its reply. @throws AttesterError */
  attest(reply: AttestedAnswer): Promise<Uint8Array>;
}

const RAW_KEY_BYTES = 32;

export function createAttestedMachine({
  crypto,
  attester,
  ledger,
  providerId,
  getSealKey,
  vouch,
}: {
  readonly crypto: Crypto;
  readonly attester: Attester;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
  /** The newest one. */
  readonly getSealKey: () => SignedSealKey;
  /** Signs with the provider's own key that the machine's is its own. */
  readonly vouch: (message: Uint8Array) => Uint8Array;
}): AttestedMachine {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const attestedKey = new Uint8Array(der.subarray(der.length - RAW_KEY_BYTES));

  const keyWord = vouch(encodeKeyWord({ ledger, attestedKey }));

  async function show(nonce: Uint8Array): Promise<MachineAnswer> {
    const sealKey = getSealKey();
    const sealKeyHash = hashSealKey(crypto, sealKey.sealKey);
    const reportData = computeReportData(crypto, { ledger, providerId, attestedKey, sealKeyHash }, nonce);
    const shown = await attester.attest(reportData);
    const evidence = encodeEvidence(shown);
    if (evidence.length > MAX_MACHINE_EVIDENCE_BYTES)
      throw new AttesterError('malformed', `evidence of ${evidence.length} bytes is too long`);
    const { findForgery } = await import('@ogong/attestation/evidence');
    const forged = await findForgery(shown).catch(toAttesterError);
    if (forged !== undefined) throw new AttesterError('malformed', `validators would eject for this: ${forged}`);
    return { attestedKey, sealKey, evidence };
  }

  return {
    kind: attester.kind,
    show,
    async attest({ order, record, exchanges = [] }) {
      const { sealKey, evidence } = await show(nonceOfReply(crypto, order, exchanges));
      const signature = new Uint8Array(sign(null, stateReply(crypto, record, evidence), privateKey));
      const attestation = { attestedKey, sealKeyHash: hashSealKey(crypto, sealKey.sealKey), evidence, signature };
      const own =
        exchanges.length === 0
          ? encodeAttestation(attestation)
          : encodeProxiedAttestation({ ...attestation, exchanges });
      return encodeVouched(keyWord, own);
    },
  };
}

function toAttesterError(cause: unknown): never {
  throw new AttesterError('malformed', 'the evidence cannot be read', { cause });
}
