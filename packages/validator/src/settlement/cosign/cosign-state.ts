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
import type { AskedStakes } from '../../store/candidates.ts';
import type { FoundPolicy } from '../../store/drift-store.ts';
import type { HeardDelivery } from '../../store/replies/heard-store.ts';
import type { IsOrderSigned } from '../collect.ts';

/** An entry that judges a record, as hearers are asked about it. */
export interface JudgedRecord {
  readonly replyId: Uint8Array;
  readonly recordHash: Uint8Array;
}

export interface HeardAnswer extends HeardDelivery {
  readonly replyId: Uint8Array;
}

export interface CosignOptions {
  /** Domain of the escrow: what payers sign for. */
  readonly ledger: LedgerDomain;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  /** The network's least coverage, parts per million. */
  readonly alphaPpm: () => number;
  readonly allowFixedVerifier: boolean;
  /** Honeypots per audit, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** Whether makers have a share, so that lines name their model. Default: they have none. */
  readonly namesModels?: (() => boolean) | undefined;
  /** Where the weights behind a name are looked up. Default: the payer's word is taken. */
  readonly modelRoots?: ModelRoots | undefined;
}

export interface CosignDependencies extends Holdings {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  /** The parts of packed entries that this validator knows now. */
  readonly knownParts: () => PartTable;
  /** Last settled state of a validator's log. */
  readonly anchorOf: (validator: Uint8Array) => Promise<Anchor>;
  /** A payer's channel with a validator, as the chain has it now. */
  readonly channelOf: (payer: Uint8Array, validator: Uint8Array) => Promise<Pick<Channel, 'admitted' | 'spent'>>;
  /** Default: every order that was admitted counts. */
  readonly isSigned?: IsOrderSigned | undefined;
  /** The network's least coverage from that time on, as the chain has it. */
  readonly coverageSince: (sinceMs: number) => Promise<CoverageReading>;
  /** What the chain has about an order's router. */
  readonly findRouter: FindRouter;
  /** Reads whether a key signs orders for their payer. Default: payers' own keys alone count. */
  readonly learnOrderKey?: OrderKeyView['learn'] | undefined;
  /** A payee's stake as it was last read, atomic units; 0 where it is not known. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** The same as the chain has it now, with what is on its way out, and with what penalties and cases hold of it. */
  readonly stakedOf: (payee: Uint8Array) => Promise<bigint>;
  /** Default: the network asks verifiers for no stake. */
  readonly askedStakes?: (() => AskedStakes) | undefined;
  /** Entries of a validator's log from that index on, a page of them, from the validator itself. */
  readonly listEntries: (validator: Uint8Array, from: bigint) => Promise<readonly Uint8Array[]>;
  /** The drift policy of that time, as the evidence names it. */
  readonly findPolicy: (note: DriftNote | undefined, timeMs: number) => FoundPolicy;
  /** Beacon of an epoch, asked of a peer where it is not archived. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  /** The validators of an epoch, as its certificate names them. */
  readonly findMembers: (epoch: bigint) => Promise<readonly EpochMember[] | undefined>;
  /** The VRF key of a validator, where it was one of that epoch; undefined where nobody here knows who they were. */
  readonly findVrfKey: (
    epoch: bigint,
    validator: Uint8Array,
  ) => Promise<{ readonly vrfKey: Uint8Array | undefined } | undefined>;
  /** Of which of these replies a hearer was told of another record. @param validator whose replies they are. */
  readonly askHeard: (
    hearer: Uint8Array,
    validator: Uint8Array,
    replies: readonly JudgedRecord[],
  ) => Promise<readonly HeardAnswer[]>;
  /** Readers of own evidence whose answer is the same for every co-signer. Default: none, and no entry that needs one is signed. */
  readonly evidenceReaders?: EvidenceReaders | undefined;
  /** Readers by this operator's own policy. Their refusals are reported and stop no entry. Default: none. */
  readonly opinionReaders?: EvidenceReaders | undefined;
  /** Called with evidence of a peer's entry that the own policy refuses and nothing refutes: the entry is signed. */
  readonly onDisbelief?: ((what: string) => void) | undefined;
  /** A hearer that cannot be asked, or says what nobody signed; a key for sums or heads that does not sign. */
  readonly onError: (error: unknown) => void;
}

/** The state that the steps of a co-signature work on. Everything that changes is in the store. */
export interface CosignState extends CosignOptions, CosignDependencies {
  readonly checkWord: CheckPayeeStatement;
  /** Logs that are being counted, by the hex address of their validator: one count at a time. */
  readonly counting: Map<string, Promise<void>>;
}

export function openCosignState(options: CosignOptions, dependencies: CosignDependencies): CosignState {
  const checkWord = createPayeeStatements(dependencies.crypto, options.ledger);
  return { ...options, ...dependencies, checkWord, counting: new Map() };
}
