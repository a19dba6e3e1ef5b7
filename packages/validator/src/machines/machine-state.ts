import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { ChainClient } from '@ogong/chain/client';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { MachineEjection } from '@ogong/protocol/machine/machine-ejection';
import type { MachineEntry } from '@ogong/protocol/machine/machine-entry';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

/** Answer of a provider's machine to a nonce. */
export interface AnsweringMachine {
  readonly providerId: Uint8Array;
  readonly attestedKey: Uint8Array;
  readonly sealKeyHash: Uint8Array;
  /** JSON. */
  readonly evidence: Uint8Array;
}

/** A requested entry, as peers are asked to sign it. */
export interface MachineRequest extends AnsweringMachine {
  /** The evidence answers the nonce that follows from this epoch's beacon. */
  readonly epoch: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
}

export type MachinesChain = Pick<
  ChainClient,
  | 'machineOf'
  | 'machineRevocation'
  | 'registerMachine'
  | 'votesOf'
  | 'isEjected'
  | 'now'
  | 'ejectionOf'
  | 'reinstatedAt'
  | 'ejectForMachine'
  | 'wasMachineRevoked'
>;

export interface MachinesState {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly signer: ValidatorSigner;
  /** Domain of the registry of machines. */
  readonly domain: LedgerDomain;
  /** Domain of the settlement contract, which ejects. */
  readonly settlement: LedgerDomain;
  /** Domain of the escrow, which is part of the machines' reports. */
  readonly ledger: LedgerDomain;
  /** Undefined if this validator trusts no machine and signs for none. */
  readonly policy: MachinePolicy | undefined;
  readonly store: Store;
  readonly group: Pick<GroupCommit, 'write'>;
  readonly chain: { client(): Promise<MachinesChain>; validators(): readonly QuorumMember[] };
  readonly latestEpoch: () => bigint;
  /** Returns the value of an epoch's beacon; undefined if unknown. */
  readonly findBeacon: (epoch: bigint) => Promise<Uint8Array | undefined>;
  /** Asks a provider's machine. @throws LinkError */
  readonly askProvider: (providerId: Uint8Array, nonce: Uint8Array) => Promise<AnsweringMachine>;
  /** Asks a peer for its signature. @throws LinkError */
  readonly askPeer: (peer: QuorumMember, asked: MachineRequest) => Promise<Uint8Array>;
  /** Asks a peer for its signature under an ejection, with the proof. @throws LinkError */
  readonly askEjection: (peer: QuorumMember, proof: Uint8Array) => Promise<Uint8Array>;
  readonly onEjected: (ejected: MachineEjection, transactionHash: string) => void;
  readonly randomBytes: (length: number) => Uint8Array;
  /** 0..1. */
  readonly random: () => number;
  /** Reasons of machines that failed their last challenge, by the provider's id in hex. */
  readonly lapsed: Map<string, string>;
  readonly onEntered: (entry: MachineEntry, transactionHash: string) => void;
  readonly onLapsed: (providerId: Uint8Array, why: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Most failed machines in memory. */
export const MAX_LAPSED = 4_096;
