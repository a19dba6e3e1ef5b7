import { bytes, bytes16, bytes32, type CodecType, createFormat, struct } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES } from '../crypto/hybrid.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';
import { MAX_ATTESTATION_BYTES } from '../tier/attestation.ts';

const MAX_ORDER_PART_BYTES = 4_096;
/** The largest list of revoked certificates of a vendor. */
const MAX_REVOKED_LIST_BYTES = 256 * 1_024;

const proofCodec = struct({
  order: bytes16(MAX_ORDER_PART_BYTES),
  record: bytes16(MAX_ORDER_PART_BYTES),
  providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  /** Attestation as in a receipt. It proves something only if the provider vouches in it for its machine's key. */
  attestation: bytes32(MAX_ATTESTATION_BYTES),
  /** DER; empty for another offence. */
  revokedList: bytes32(MAX_REVOKED_LIST_BYTES),
});

/** A provider's own signed claim about its machine, in one reply: see docs/spec/machine-registry.md, "Ejection". */
export interface MachineProof extends CodecType<typeof proofCodec> {}

const proofFormat = createFormat<MachineProof>(proofCodec, { tag: 'ogong-machine-proof-v1' });

export const encodeMachineProof: (proof: MachineProof) => Uint8Array = proofFormat.encode;
/** @throws ProtocolError */
export const parseMachineProof: (bytes: Uint8Array) => MachineProof = proofFormat.decode;

/** The largest proof, in bytes. */
export const MACHINE_PROOF_LIMIT = MAX_ATTESTATION_BYTES + MAX_REVOKED_LIST_BYTES + 3 * MAX_ORDER_PART_BYTES;

/** A quorum's ejection of a provider for its machine. */
export interface MachineEjection {
  readonly providerId: Uint8Array;
  /** SHA-256 of the proof. */
  readonly evidence: Uint8Array;
  /** Number of the ejection; the provider's first is 1. A stored signature cannot eject again. */
  readonly ejection: number;
}

const typedEjection = createTypedStruct('MachineEjection', {
  providerId: abi.bytes32,
  evidence: abi.bytes32,
  ejection: abi.uint32,
});

/** Computes the EIP-712 digest that validators sign. @param domain of the settlement contract. */
export function hashMachineEjection(crypto: Crypto, domain: LedgerDomain, ejected: MachineEjection): Uint8Array {
  const { providerId, evidence, ejection } = ejected;
  const hash = typedEjection.hash(crypto, { providerId, evidence, ejection });
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), hash);
}
