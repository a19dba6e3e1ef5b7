import type { Anchor, Channel, CoverageReading } from '@ogong/chain/client';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { OrderKeyView } from '@ogong/host/views/order-keys';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { PartTable } from '@ogong/protocol/settlement/packed-entry';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import type { EvidenceReaders } from '@ogong/protocol/tier/tier';
import type { DriftNote } from '@ogong/protocol/verdict/drift-policy';
import { type CheckPayeeStatement, createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import type { Holdings } from '../../audit/deterrence.ts';
import type { RequiredStakes } from '../../store/candidates.ts';
import type { FoundPolicy } from '../../store/drift-store.ts';
import type { SecondDelivery } from '../../store/replies/second-delivery-store.ts';
import type { IsOrderSigned } from '../collect.ts';

/** An entry about a record, in a question to second recipients. */
export interface EntryRecord {
  readonly replyId: Uint8Array;
  readonly recordHash: Uint8Array;
}

export interface SecondDeliveryAnswer extends SecondDelivery {
  readonly replyId: Uint8Array;
}

export interface CosignOptions {
  /** Domain of the escrow, in which payers sign. */
  readonly ledger: LedgerDomain;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  /** The network's least coverage, parts per million. */
  readonly alphaPpm: () => number;
  readonly allowFixedVerifier: boolean;
  /** Honeypots per audit, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** Tells whether makers have a share, so that lines name their model. */
  readonly namesModels?: (() => boolean) | undefined;
  /** Registry in which the weights behind a name are looked up. */
  readonly modelRoots?: ModelRoots | undefined;
}

export interface CosignDependencies extends Holdings {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  /** Returns the parts of packed entries that this validator knows now. */
  readonly knownParts: () => PartTable;
  /** Reads the last settled state of a validator's log. */
  readonly anchorOf: (validator: Uint8Array) => Promise<Anchor>;
  /** Reads a payer's present channel with a validator. */
  readonly channelOf: (payer: Uint8Array, validator: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Default: every admitted order counts. */
  readonly isSigned?: IsOrderSigned | undefined;
  /** Reads the network's least coverage from that time on. */
  readonly coverageSince: (sinceMs: number) => Promise<CoverageReading>;
  /** Finds the chain's data about an order's router. */
  readonly findRouter: FindRouter;
  /** Reads if a key signs orders for their payer. Default: only payers' own keys count. */
  readonly learnOrderKey?: OrderKeyView['learn'] | undefined;
  /** Returns a payee's stake at the last reading, atomic units, or 0 if unknown. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Reads the present stake on the chain, with the withdrawing part and the part in penalties and cases. */
  readonly stakedOf: (payee: Uint8Array) => Promise<bigint>;
  /** Default: no stake is required. */
  readonly requiredStakes?: (() => RequiredStakes) | undefined;
  /** Reads a page of a validator's log from that index on, from the validator itself. */
  readonly listEntries: (validator: Uint8Array, from: bigint) => Promise<readonly Uint8Array[]>;
  /** Finds the drift policy that the evidence names, for that time. */
  readonly findPolicy: (note: DriftNote | undefined, timeMs: number) => FoundPolicy;
  /** Returns the beacon of an epoch, from a peer if it is not archived. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  /** Returns the validators of an epoch by its certificate. */
  readonly findMembers: (epoch: bigint) => Promise<readonly EpochMember[] | undefined>;
  /** Returns the VRF key of a validator if it was a member of that epoch. Undefined if the members are unknown. */
  readonly findVrfKey: (
    epoch: bigint,
    validator: Uint8Array,
  ) => Promise<{ readonly vrfKey: Uint8Array | undefined } | undefined>;
  /**
   * Asks a second recipient for deliveries of other records of these replies. @param validator handling validator of
   * the replies.
   */
  readonly askSecondRecipient: (
    recipient: Uint8Array,
    validator: Uint8Array,
    replies: readonly EntryRecord[],
  ) => Promise<readonly SecondDeliveryAnswer[]>;
  /** Readers of own evidence whose answer is the same for every co-signer. Default: none, and no entry that needs one is signed. */
  readonly evidenceReaders?: EvidenceReaders | undefined;
  /** Readers by this operator's own policy. Their refusals are reported and stop no entry. Default: none. */
  readonly opinionReaders?: EvidenceReaders | undefined;
  /** Called with evidence of a peer's entry that the own policy refuses and nothing refutes: the entry is signed. */
  readonly onDisbelief?: ((what: string) => void) | undefined;
  /**
   * Called if a second recipient cannot be asked or sends an invalid answer, or if a key for aggregates or heads does
   * not sign.
   */
  readonly onError: (error: unknown) => void;
}

/** State of co-signing. Everything that changes is in the store. */
export interface CosignState extends CosignOptions, CosignDependencies {
  readonly checkWord: CheckPayeeStatement;
  /** Running counts of logs, by the hex address of their validator: one count at a time. */
  readonly counting: Map<string, Promise<void>>;
}

export function openCosignState(options: CosignOptions, dependencies: CosignDependencies): CosignState {
  const checkWord = createPayeeStatements(dependencies.crypto, options.ledger);
  return { ...options, ...dependencies, checkWord, counting: new Map() };
}
