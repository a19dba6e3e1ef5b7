import type { DrawKind } from '@ogong/protocol/audit/secret-draw';
import type { Test } from '@ogong/protocol/audit/test-report';
import type { Check } from '@ogong/protocol/base/checks';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { FeeShares } from '@ogong/protocol/exchange/fee';
import type { SignedTicket } from '@ogong/protocol/exchange/ticket';
import type { Comparison } from '@ogong/protocol/modality/text/stage2/compare';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { CheatMode } from '../attackers/attack.ts';

/** Data of a run from the wire and the chain. The claims depend on nothing else. */
export interface RunRecord {
  readonly crypto: Crypto;
  readonly trust: Trust;
  readonly cheat: CheatMode | 'none';
  readonly members: readonly Member[];
  readonly replies: readonly AskedReply[];
  readonly probes: readonly TamperProbe[];
  readonly cheatProof: CheatProof | undefined;
  readonly logs: readonly ValidatorLog[];
  readonly settlements: readonly SettlementRecord[];
  readonly ejections: readonly Ejection[];
  readonly books: { readonly before: Books; readonly after: Books };
  readonly shares: FeeShares;
  /** Number of the first request after the ejection was on the chain. */
  readonly firstAfterEjection: number | undefined;
  readonly chaos: ChaosRecord | undefined;
  readonly failover: FailoverRecord | undefined;
  /** Undefined if the network has no provider behind a relay, or no request was answered. */
  readonly reach: ReachRecord | undefined;
  /** Of each validator that answers. */
  readonly tests: readonly ProviderTests[];
  /** Unix time of the end of the record. */
  readonly nowMs: number;
  /** Payouts, the last step of a run; undefined on a network without emission. */
  readonly money?: MoneyRecord | undefined;
  /** The same on a network that burns and mints. */
  readonly mint?: MintRecord | undefined;
  /** Undefined if the network stays up, or no request was answered. */
  readonly slash?: SlashRecord | undefined;
  readonly split?: SplitRecord | undefined;
}

/** A validator that signed a false verdict, and its loss. */
export interface SlashRecord {
  readonly accused: string;
  /** Validators that signed the conviction. */
  readonly signers: readonly string[];
  /** Hex, of the honest reply of the false verdict. */
  readonly replyId: string;
  /** Checks of the evidence, which each signer makes. */
  readonly checks: readonly Check[];
  /** Part of the bond that the case took. */
  readonly heldAtomic: bigint;
  /** The contracts' answers to the false verdict under one signature, to the conviction, to a second one, and to closing the case. */
  readonly answers: {
    readonly alone: string;
    readonly convicted: string;
    readonly again: string;
    readonly closed: string;
  };
  readonly before: SlashBooks;
  readonly after: SlashBooks;
}

interface SlashBooks {
  readonly bondAtomic: bigint;
  readonly treasuryAtomic: bigint;
  readonly reporterAtomic: bigint;
}

/** A batch that all validators signed, and whose lines pay a unit more than its debit. */
export interface SplitRecord {
  readonly feeAtomic: bigint;
  /** Amount by layers, and amount in the batch. */
  readonly shards: readonly { readonly name: string; readonly amountAtomic: bigint; readonly askedAtomic: bigint }[];
  /** Answers of the builder of batches, of the contract, and of the contract to a preview of the same batch without the unit. */
  readonly answers: { readonly builder: string; readonly refused: string; readonly conserving: string };
  readonly before: Books;
  readonly after: Books;
}

export interface MoneyRecord {
  /** All recycled fees of the run, atomic units. */
  readonly recycledAtomic: bigint;
  /** From the chain, and recomputed from the events of the same period. */
  readonly tallies: readonly {
    readonly number: number;
    readonly root: string;
    readonly units: bigint;
    readonly budgetAtomic: bigint;
    readonly recycledAtomic: bigint;
    readonly entries: readonly { readonly account: string; readonly units: bigint }[];
    readonly computedRoot: string;
  }[];
  /** An honest provider's account. */
  readonly claimant:
    | {
        readonly name: string;
        readonly address: string;
        /** Its credit in the escrow, which `ogong claim` pays as well. */
        readonly creditAtomic: bigint;
        /** Gain of its balance by `ogong claim`. */
        readonly claimedAtomic: bigint;
        /** The contract's answers to a claim of one unit more, and to a second claim. */
        readonly refused: { readonly more: string; readonly again: string };
      }
    | undefined;
  readonly withdrawal: WithdrawalRecord;
}

/** A payer's withdrawal of its free escrow. */
export interface WithdrawalRecord {
  readonly name: string;
  readonly freeAtomic: bigint;
  /** Gain of its balance by `ogong escrow withdraw`. */
  readonly withdrawnAtomic: bigint;
  /** The contract's answer to a withdrawal of one unit more. */
  readonly more: string;
}

export interface MintRecord {
  /** Number of prices that daemons posted after the earlier prices had expired. */
  readonly pricesPosted: number;
  /** The epoch of the run's work; undefined if no daemon closed it. */
  readonly epoch:
    | {
        readonly number: number;
        /** 18 decimals. */
        readonly dollars: bigint;
        readonly burnedAtomic: bigint;
        readonly mintedAtomic: bigint;
        /** Dollars of a token, 18 decimals: the higher price, which the close uses. */
        readonly highPrice: bigint;
      }
    | undefined;
  /** An honest provider's account. */
  readonly claimant:
    | {
        readonly name: string;
        readonly dollars: bigint;
        /** Gain of its stablecoin balance by `ogong claim`, and the minimum of the sale. */
        readonly paidStable: bigint;
        readonly leastStable: bigint;
        /** The contract's answers to a second claim, and to a claim of the present epoch. */
        readonly refused: { readonly again: string; readonly early: string };
      }
    | undefined;
  readonly withdrawal: WithdrawalRecord;
}

export interface Member {
  readonly name: string;
  readonly role: 'provider' | 'validator' | 'router' | 'payer' | 'verification' | 'treasury' | 'license' | 'recycle';
  /** Ledger address, hex with 0x. */
  readonly address: string;
  /** Hex, providers only. */
  readonly providerId?: string;
  readonly isCheat: boolean;
  /** Validators only. */
  readonly bondAtomic?: bigint;
}

export interface AskedReply {
  /** From 1, in the order of sending. */
  readonly number: number;
  readonly prompt: string;
  readonly isStreamed: boolean;
  /** Exact body. */
  readonly request: Uint8Array;
  /** UTF-8 of the answer's text. */
  readonly response: Uint8Array;
  /** The gateway's error message, without an answer. */
  readonly error: string | undefined;
  /** `fetched`: the opening from the address in the compact receipt. */
  readonly receipts: { readonly full: Receipt; readonly compact: Receipt; readonly fetched: Uint8Array } | undefined;
  readonly firstTextMs: number | undefined;
  readonly durationMs: number;
}

/** A provider that was killed in the middle of its answer. */
export interface FailoverRecord {
  readonly killed: string;
  /** Hex. */
  readonly killedId: string;
  /** Of the request that another provider continued. */
  readonly number: number;
  /** UTF-8 bytes of the text that the client had by then; 0 if no answer was cut off. */
  readonly shownBytes: number;
  readonly shown: string;
  /** UTF-8 bytes that the killed provider had signed by then: they have their own receipt. */
  readonly signedBytes: number;
}

/** One change to a reply, and the checks that failed. */
export interface TamperProbe {
  readonly what: string;
  readonly expected: string;
  readonly failed: readonly string[];
}

/** A committed reply of the cheat, checked by stage 1 and by stage 2 alone. */
export interface CheatProof {
  /** Hex. */
  readonly replyId: string;
  readonly recordBytes: Uint8Array;
  readonly isSignedByCheat: boolean;
  readonly stage1: readonly Check[];
  readonly stage2: {
    readonly outcome: string;
    readonly checks: readonly Check[];
    readonly comparison: Comparison | undefined;
  };
}

export interface ValidatorLog {
  readonly validator: string;
  /** Whether the entries form a chain up to the head on the chain. */
  readonly checks: readonly Check[];
  readonly isAnchored: boolean;
  readonly entries: readonly VerdictEntry[];
}

/** A validator's unannounced requests, or its jobs with a deadline, to providers that the beacon drew. */
export interface ProviderTests {
  readonly validator: string;
  readonly kind: DrawKind;
  /** Whether each test was drawn. */
  readonly checks: readonly Check[];
  readonly tests: readonly Test[];
}

export interface SettledLine {
  readonly provider: string;
  readonly router: string;
  readonly grossAtomic: bigint;
  /** The part that went to the verification pool. */
  readonly fineAtomic: bigint;
}

export interface SettlementRecord {
  readonly transaction: string;
  readonly validator: string;
  readonly sequence: bigint;
  readonly logLength: bigint;
  readonly replies: number;
  readonly signers: readonly { readonly name: string; readonly address: string; readonly bondAtomic: bigint }[];
  readonly totalBondAtomic: bigint;
  readonly debits: readonly { readonly payer: string; readonly amountAtomic: bigint }[];
  readonly lines: readonly SettledLine[];
  readonly tallies: readonly { readonly payee: string; readonly credits: number }[];
  /** Amount for its co-signers; 0 without a roster. */
  readonly cosignedAtomic: bigint;
  readonly blockNumber: number;
}

export interface Ejection {
  readonly providerId: string;
  readonly validator: string;
  readonly transaction: string;
}

/** The balances in the contracts; amounts are atomic. */
export interface Books {
  readonly supplyAtomic: bigint;
  readonly escrowTokensAtomic: bigint;
  /** Release of all amounts that are held now, Unix time in s. */
  readonly heldUntilS: number;
  readonly accounts: readonly Account[];
}

export interface Account {
  readonly address: string;
  readonly tokensAtomic: bigint;
  readonly freeAtomic: bigint;
  /** Reserved in channels and not yet drawn. */
  readonly reservedAtomic: bigint;
  /** Drawn from its channels so far. */
  readonly spentAtomic: bigint;
  readonly creditAtomic: bigint;
  /** Part of its credit that an ejection would still take. */
  readonly heldAtomic: bigint;
}

/** Two requests that name their route. */
export interface ReachRecord {
  /** To the provider behind the relay. */
  readonly relayed: {
    readonly number: number;
    /** Hex. */
    readonly providerId: string;
    /** Bytes that the relay copied meanwhile. */
    readonly line: Uint8Array;
    /** The same bytes without TLS, decrypted with keys that no relay has. */
    readonly inside: Uint8Array;
  };
  readonly fastest: FastestRecord;
}

/** A request for lowest latency, and the router's signed ticket for another one. */
export interface FastestRecord {
  readonly number: number;
  readonly ticket: SignedTicket;
  /** The list of candidates that the ticket names. */
  readonly candidates: Uint8Array;
}

export interface ChaosRecord {
  readonly killed: readonly string[];
  readonly aliveBondAtomic: bigint;
  readonly totalBondAtomic: bigint;
  /** Unix time at which all of them were down. */
  readonly downSinceMs: number;
  /** Blocks without a quorum. */
  readonly firstBlock: number;
  readonly lastBlock: number;
  /** Numbers of the replies in that time. */
  readonly answered: readonly number[];
}
