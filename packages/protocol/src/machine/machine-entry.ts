import { createFormat, hash, struct, u64 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** The longest lifetime of an entry, in seconds. A machine shows its evidence again within a week. */
export const MAX_MACHINE_ENTRY_S = 7n * 86_400n;

/** Lifetime of a new entry. It ends an hour before the limit, because clocks of chains differ. */
export const MACHINE_ENTRY_S = MAX_MACHINE_ENTRY_S - 3_600n;

/**
 * A quorum's statement about a provider's machine (docs/spec/machine-registry.md). All fields except the numbers have 32 bytes.
 */
export interface MachineEntry {
  readonly providerId: Uint8Array;
  /** Name of the hardware. */
  readonly machine: Uint8Array;
  readonly image: Uint8Array;
  /** SHA-256 of the evidence. */
  readonly evidence: Uint8Array;
  /** The attested key. */
  readonly signingKey: Uint8Array;
  /** Hash of the seal key in the evidence. */
  readonly sealKey: Uint8Array;
  /** SHA-256 of the key of an Intel platform; zeros if the chain can check no signature of the machine. */
  readonly platformKey: Uint8Array;
  /** Epoch of the beacon that the evidence answers. */
  readonly epoch: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
}

const typedMachine = createTypedStruct('Machine', {
  providerId: abi.bytes32,
  machine: abi.bytes32,
  image: abi.bytes32,
  evidence: abi.bytes32,
  signingKey: abi.bytes32,
  sealKey: abi.bytes32,
  platformKey: abi.bytes32,
  epoch: abi.uint64,
  until: abi.uint64,
});

/** Computes the EIP-712 digest that validators sign. @param domain of the registry of machines. */
export const hashMachineEntry = (crypto: Crypto, domain: LedgerDomain, entry: MachineEntry): Uint8Array =>
  hashTyped(crypto, hashLedgerDomain(crypto, domain), typedMachine.hash(crypto, entry));

/** A quorum's revocation of a machine, or its end. */
export interface MachineRevocation {
  readonly machine: Uint8Array;
  /** SHA-256 of the published evidence. */
  readonly evidence: Uint8Array;
  readonly isRevoked: boolean;
  /** Number of the revocation; the first of a machine is 1. A stored signature cannot count a second time. */
  readonly number: number;
}

const typedRevocation = createTypedStruct('Revocation', {
  machine: abi.bytes32,
  evidence: abi.bytes32,
  isRevoked: abi.bool,
  number: abi.uint32,
});

/** Computes the EIP-712 digest that validators sign. @param domain of the registry of machines. */
export const hashMachineRevocation = (
  crypto: Crypto,
  domain: LedgerDomain,
  revocation: MachineRevocation,
): Uint8Array => hashTyped(crypto, hashLedgerDomain(crypto, domain), typedRevocation.hash(crypto, revocation));

const nonceFormat = createFormat(struct({ epoch: u64, beacon: hash, providerId: hash }), {
  tag: 'ogong-machine-nonce-v1',
});

/**
 * Computes the challenge that the evidence of a new entry must answer. Nobody knows it before the beacon of the epoch, and
 * everybody can compute it later.
 * @param asked.beacon value of the epoch, 32 bytes.
 */
export const computeMachineNonce = (
  crypto: Pick<Crypto, 'sha256'>,
  { epoch, beacon, providerId }: Pick<MachineEntry, 'epoch' | 'providerId'> & { readonly beacon: Uint8Array },
): Uint8Array => crypto.sha256(nonceFormat.encode({ epoch, beacon, providerId }));
