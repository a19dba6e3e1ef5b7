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

/** Everything that a run of the demo saw on the wire and on the chain. The claims depend on nothing else. */
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
  /** Number of the first request that was sent after the ejection was on the chain. */
  readonly firstAfterEjection: number | undefined;
  readonly chaos: ChaosRecord | undefined;
  readonly failover: FailoverRecord | undefined;
  /** Undefined where the network has no provider behind a relay, or nobody was served. */
  readonly reach: ReachRecord | undefined;
  /** Of each validator that could be asked. */
  readonly tests: readonly ProviderTests[];
  /** Unix time at which the record was closed. */
  readonly nowMs: number;
  /** What was done with what was earned, after all else; undefined on a network without emission. */
  readonly money?: MoneyRecord | undefined;
  /** The same on a network that burns and mints. */
  readonly mint?: MintRecord | undefined;
  /** Undefined where the network stays up, or nobody was served. */
  readonly slash?: SlashRecord | undefined;
  readonly split?: SplitRecord | undefined;
}

/** A validator that signed a false verdict, and what it lost. */
export interface SlashRecord {
  readonly accused: string;
  /** Who signed the conviction. */
  readonly judges: readonly string[];
  /** Hex, of the honest reply that it called forged. */
  readonly replyId: string;
  /** What each judge looked at. */
  readonly checks: readonly Check[];
  /** What the case took of the bond. */
  readonly heldAtomic: bigint;
  /** What the contracts answered: to the lie under one signature, to the conviction, to a second one, and when the case was closed. */
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

/** A batch that all validators signed, whose lines pay a unit more than its debit draws. */
export interface SplitRecord {
  readonly feeAtomic: bigint;
  /** What each is due by its layers, and what the batch would have paid it. */
  readonly shards: readonly { readonly name: string; readonly amountAtomic: bigint; readonly askedAtomic: bigint }[];
  /** What the builder of batches answered, what the contract did, and what it would have said to the same batch without the unit. */
  readonly answers: { readonly builder: string; readonly refused: string; readonly conserving: string };
  readonly before: Books;
  readonly after: Books;
}

export interface MoneyRecord {
  /** All that was recycled in the run, atomic units. */
  readonly recycledAtomic: bigint;
  /** As the chain has them, and as the events of the same time say. */
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
        /** Its credit in the escrow, which `ogong claim` pays too. */
        readonly creditAtomic: bigint;
        /** What its balance gained by `ogong claim`. */
        readonly claimedAtomic: bigint;
        /** What the contract answered to a claim of one unit more, and to a second claim. */
        readonly refused: { readonly more: string; readonly again: string };
      }
    | undefined;
  readonly withdrawal: WithdrawalRecord;
}

/** A payer takes out what it has reserved for no validator. */
export interface WithdrawalRecord {
  readonly name: string;
  readonly freeAtomic: bigint;
  /** What its balance gained by `ogong escrow withdraw`. */
  readonly withdrawnAtomic: bigint;
  /** What the contract answered when it asked for one unit more. */
  readonly more: string;
}

export interface MintRecord {
  /** Prices that were posted after the chain's clock had run past the age of those before. */
  readonly pricesPosted: number;
  /** The epoch of the run's work; undefined where no daemon closed it. */
  readonly epoch:
    | {
        readonly number: number;
        /** Of 18 decimals. */
        readonly dollars: bigint;
        readonly burnedAtomic: bigint;
        readonly mintedAtomic: bigint;
        /** Dollars of a token, of 18 decimals: the higher one, at which it was closed. */
        readonly highPrice: bigint;
      }
    | undefined;
  /** An honest provider's account. */
  readonly claimant:
    | {
        readonly name: string;
        readonly dollars: bigint;
        /** What its balance of the stablecoin gained by `ogong claim`, and the least that the sale may bring. */
        readonly paidStable: bigint;
        readonly leastStable: bigint;
        /** What the contract answered to a second claim, and to one of the present epoch. */
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
  /** The exact body, as it left. */
  readonly request: Uint8Array;
  /** UTF-8 of the text that came. */
  readonly response: Uint8Array;
  /** The gateway's error message if it gave no answer. */
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
  /** Of the request that another provider went on with. */
  readonly number: number;
  /** UTF-8 bytes of the text that the client had by then; 0 where no answer was cut off. */
  readonly shownBytes: number;
  /** That text, as it came. */
  readonly shown: string;
  /** UTF-8 bytes of it that the killed one had signed by then: they have a receipt of their own. */
  readonly signedBytes: number;
}

/** One change to a reply, and the check that noticed it. */
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
  /** Whether the entries follow each other and end at the head that the chain holds. */
  readonly checks: readonly Check[];
  readonly isAnchored: boolean;
  readonly entries: readonly VerdictEntry[];
}

/** Answers that a validator bought unannounced, or jobs with a deadline that it gave, of providers that the beacon drew. */
export interface ProviderTests {
  readonly validator: string;
  readonly kind: DrawKind;
  /** Whether each of them was drawn. */
  readonly checks: readonly Check[];
  readonly tests: readonly Test[];
}

export interface SettledLine {
  readonly provider: string;
  readonly router: string;
  readonly grossAtomic: bigint;
  /** The part of it that went to the verification pool whole. */
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
  /** What was kept for those who signed it; none where no roster was in force. */
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
  /** When all that is held now is its payee's, Unix time in s. */
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
  /** Of its credit: what an ejection would still take. */
  readonly heldAtomic: bigint;
}

/** Two requests that say by whom they would be answered. */
export interface ReachRecord {
  /** By the provider behind the relay. */
  readonly relayed: {
    /** Of the reply. */
    readonly number: number;
    /** Hex. */
    readonly providerId: string;
    /** What the relay copied meanwhile. */
    readonly line: Uint8Array;
    /** The same with TLS taken off, by keys that no relay has. */
    readonly inside: Uint8Array;
  };
  readonly fastest: FastestRecord;
}

/** By lowest latency, and what the router signed for such a request. */
export interface FastestRecord {
  /** Of the reply. */
  readonly number: number;
  readonly ticket: SignedTicket;
  /** The list that the ticket names. */
  readonly candidates: Uint8Array;
}

export interface ChaosRecord {
  readonly killed: readonly string[];
  readonly aliveBondAtomic: bigint;
  readonly totalBondAtomic: bigint;
  /** Unix time by which all of them were down. */
  readonly downSinceMs: number;
  /** Blocks while fewer than a quorum lived. */
  readonly firstBlock: number;
  readonly lastBlock: number;
  /** Replies answered in that time, by number. */
  readonly answered: readonly number[];
}
