import { bytes, bytes16, bytes32, type CodecType, createFormat, struct } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HYBRID_PUBLIC_KEY_BYTES } from '../crypto/hybrid.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';
import { MAX_ATTESTATION_BYTES } from '../tier/attestation.ts';

const MAX_ORDER_PART_BYTES = 4_096;
/** A vendor's list of revoked certificates. */
const MAX_REVOKED_LIST_BYTES = 256 * 1_024;

const proofCodec = struct({
  order: bytes16(MAX_ORDER_PART_BYTES),
  record: bytes16(MAX_ORDER_PART_BYTES),
  providerKey: bytes(HYBRID_PUBLIC_KEY_BYTES),
  /** As in a receipt; only one in which the provider vouches for its machine's key proves anything. */
  attestation: bytes32(MAX_ATTESTATION_BYTES),
  /** DER; empty where the offence is another one. */
  revokedList: bytes32(MAX_REVOKED_LIST_BYTES),
});

/** What a provider's own key vouched for about its machine, in one reply: see docs/spec/machine-registry.md, "Ejection". */
export interface MachineProof extends CodecType<typeof proofCodec> {}

const proofFormat = createFormat<MachineProof>(proofCodec, { tag: 'ogong-machine-proof-v1' });

export const encodeMachineProof: (proof: MachineProof) => Uint8Array = proofFormat.encode;
/** @throws ProtocolError */
export const parseMachineProof: (bytes: Uint8Array) => MachineProof = proofFormat.decode;

/** Whatever a proof may have at most, in bytes. */
export const MACHINE_PROOF_LIMIT = MAX_ATTESTATION_BYTES + MAX_REVOKED_LIST_BYTES + 3 * MAX_ORDER_PART_BYTES;

/** That a quorum ejects a provider for its machine. */
export interface MachineEjection {
  readonly providerId: Uint8Array;
  /** SHA-256 of the proof. */
  readonly evidence: Uint8Array;
  /** Which ejection of the provider it is to be: the first is 1. A kept signature ejects nobody again. */
  readonly ejection: number;
}

const typedEjection = createTypedStruct('MachineEjection', {
  providerId: abi.bytes32,
  evidence: abi.bytes32,
  ejection: abi.uint32,
});

/** The EIP-712 digest that validators sign. @param domain of the settlement contract. */
export function hashMachineEjection(crypto: Crypto, domain: LedgerDomain, ejected: MachineEjection): Uint8Array {
  const { providerId, evidence, ejection } = ejected;
  const hash = typedEjection.hash(crypto, { providerId, evidence, ejection });
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), hash);
}
