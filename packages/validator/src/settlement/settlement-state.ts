import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ChainClient } from '@ogong/chain/client';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { Bls } from '@ogong/protocol/crypto/bls';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember, QuorumVoter } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { DeliveredReply } from '@ogong/protocol/verdict/delivered-record';
import type { StoredBatch } from '../store/batch-store.ts';
import type { IsOrderSigned } from './collect.ts';
import type { CosignAnswer } from './cosign/cosign.ts';
import { createEntryWindow, type EntryWindow } from './entry-window.ts';
import type { SettledBatch } from './ledger-history.ts';
import { createRosterLife, type RosterLife } from './roster-life.ts';

/** Settings for aggregated signatures. */
export interface Summing {
  readonly bls: Bls;
  readonly above: number;
  /** Domain of the contract of rosters. */
  readonly roster: LedgerDomain;
}

/** Votes that the contract counts, with their keys, and the sum of all votes. */
export interface Votes {
  readonly voters: readonly QuorumVoter[];
  readonly total: bigint;
}

export interface SettlementOptions {
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  readonly maxEntries: number;
  /** Entries with their evidence, so that a batch fits one message. */
  readonly maxBatchBytes: number;
  readonly minSignatures: number;
  /** Settings for aggregated signatures. Undefined: signatures are sent one by one. */
  readonly sums: Summing | undefined;
}

export interface SettlementDependencies {
  readonly crypto: Crypto;
  readonly signer: ValidatorSigner;
  readonly clock: Clock;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly chain: {
    client(): Promise<SettlementChain>;
    validators(): readonly QuorumMember[];
  };
  readonly cosign: (peer: QuorumMember, request: CosignRequest) => Promise<CosignAnswer>;
  /** Finds the transaction of a settled batch that this validator did not see; undefined if it cannot be found. */
  readonly findSettled: (validator: Uint8Array, sequence: bigint) => Promise<SettledBatch | undefined>;
  /** @param unpaidReplies number of unpaid replies in the batch. */
  readonly onSettled: (batch: StoredBatch, transactionHash: string, unpaidReplies: number) => void;
  /** Called if the chain has lost a settled batch. */
  readonly onSubmittedAgain?: (sequence: bigint) => void;
  readonly onReplaced?: (sequence: bigint, uncollectable: readonly Uint8Array[]) => void;
  /** Called for entries that left the log, because no quorum can sign them. */
  readonly onRefused?: (sequence: bigint, message: string) => void;
  /** Called if a peer signed entries whose candidate lists it could not compare. */
  readonly onUncompared?: (peer: QuorumMember, entries: readonly bigint[]) => void;
  /** Accepts a delivery that a payer sent to a co-signer, and not, or not yet, to this validator. @throws Refusal */
  readonly acceptDeliveryOf: (delivered: DeliveredReply) => Promise<unknown>;
  readonly onError?: (error: unknown) => void;
  /** Tells whether makers have a share, so that lines name their model. */
  readonly namesModels?: () => boolean;
  /** Default: every order counts. */
  readonly isSigned?: IsOrderSigned;
}

export type SettlementChain = Pick<
  ChainClient,
  | 'anchorOf'
  | 'settle'
  | 'channelOf'
  | 'votesOf'
  | 'rosterMembers'
  | 'takeRoster'
  | 'quorumKeyOf'
  | 'quorumKeyCountOf'
  | 'setQuorumKey'
> &
  Partial<Pick<ChainClient, 'headKeyHashes' | 'unvested'>> & {
    readonly deployment?: Pick<ChainClient['deployment'], 'beaconKeys'>;
  };

export type CosignRequest = MessageInitShape<typeof CosignBatchRequestSchema>;

/** State of settlement. Everything that changes is in the store, except for the life of rosters. */
export interface SettlementState extends SettlementOptions, Required<SettlementDependencies> {
  readonly window: EntryWindow;
  readonly rosterLife: RosterLife;
}

export function openSettlementState(options: SettlementOptions, dependencies: SettlementDependencies): SettlementState {
  return {
    ...options,
    onSubmittedAgain: () => {},
    onReplaced: () => {},
    onRefused: () => {},
    onUncompared: () => {},
    onError: () => {},
    namesModels: () => false,
    isSigned: async () => true,
    ...dependencies,
    window: createEntryWindow(dependencies.store, options.maxEntries),
    rosterLife: createRosterLife(),
  };
}
