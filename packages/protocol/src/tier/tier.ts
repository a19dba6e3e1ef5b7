import type { Check, Outcome } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** A part that a receipt of any tier may carry (docs/spec/receipt.md). */
export type ReceiptPart = 'order' | 'ticket' | 'record' | 'beacon' | 'opening';

/** The exact bytes that payer and provider signed. */
export interface SignedParts {
  readonly order: Uint8Array;
  readonly record: Uint8Array;
}

/** A reply's own evidence on the wire and in stores: bytes by the name of the part. Names are untrusted: read them by `getPart`. */
export type EvidenceParts = Readonly<Record<string, Uint8Array>>;

/** A part that receipts of one tier alone carry, in their field `evidence`. */
export interface OwnEvidence {
  /** Lower-case letters, digits and `-`, at most 32 of them. */
  readonly name: string;
  /** Largest size of the part. */
  readonly maxBytes: number;
  /** Ids of its checks. Each of them is in the verdict on every receipt of the tier. */
  readonly checks: readonly string[];
  /**
   * Makes the checks. A check that needs the reader's own policy or registries is a skip here; an EvidenceReader makes it.
   * @param bytes untrusted; an error or a rejection fails every one of the checks.
   */
  verify(crypto: Crypto, bytes: Uint8Array, signed: SignedParts): readonly Check[] | Promise<readonly Check[]>;
}

/** A record with its tier's own evidence, as its sender submits it. */
export interface ShownRecord {
  /** Domain of the escrow. */
  readonly ledger: { readonly chainId: bigint; readonly verifyingContract: Uint8Array };
  /** As the ticket names it. */
  readonly modelId: string;
  /** The exact bytes that the payer signed. */
  readonly order: Uint8Array;
  readonly record: { readonly record: Uint8Array; readonly providerKey: Uint8Array };
  readonly evidence: EvidenceParts;
}

/**
 * Makes a check that a part leaves skipped.
 * @param bytes of the part; `verify` has read them.
 * @param nowMs the time that counts for the record, Unix time in ms.
 * @returns checks that take the place of the skipped one.
 * @throws if the answer is not known now, for instance because a registry cannot be read.
 */
export type EvidenceReader = (shown: ShownRecord, bytes: Uint8Array, nowMs: number) => Promise<readonly Check[]>;

/** Readers of one party by the id of the check that they make. */
export type EvidenceReaders = ReadonlyMap<string, EvidenceReader>;

/** The party that accepts or refuses a record. */
export interface AdmittingParty {
  readonly crypto: Crypto;
  readonly nowMs: number;
  /** Default: none. */
  readonly readers?: EvidenceReaders | undefined;
}

/**
 * One promise about replies: the parts of a receipt, the checks of each part, and the condition for the fee (docs/spec/tiers.md). A new
 * tier is a file beside `verified.ts` and a line in `registry.ts`.
 */
export interface Tier {
  /** As model ids and headers name it. */
  readonly name: string;
  /** The name in headers for the way in which its replies are checked. Each tier has its own. */
  readonly method: string;
  /**
   * Numeric classes that can serve it. In an exact class the engine must also have reproduced itself at load. `inexact` refuses a class that
   * claims to be exact: nobody would test the claim.
   */
  readonly classes: 'any' | 'exact' | 'inexact';
  /** Content of the windows of a text: `draws` with candidates and sketches, or only the `tokens`, as far as they are known. */
  readonly windows: 'draws' | 'tokens';
  /** Meaning of a model root in this tier: the root of `weights`, or of the model's `name`, which says nothing about weights. */
  readonly root: 'weights' | 'name';
  /** `sealed`: its providers take no request in plain. */
  readonly channel: 'any' | 'sealed';
  /** Checks of stage 1 that nobody can make of its replies. A consumer that requests the tier forgoes them. */
  readonly leavesOut: readonly string[];
  /** Parts that its receipts carry. A missing part is a failed check, never a skipped one. */
  readonly evidence: readonly ReceiptPart[];
  readonly ownEvidence: readonly OwnEvidence[];
  /**
   * Checks a record's own evidence before a party accepts the record or signs its fee. Any failed check refuses the record. A skipped one
   * is a check that this party has no reader for.
   * @throws what a reader throws.
   */
  admit(party: AdmittingParty, shown: ShownRecord): Promise<readonly Check[]>;
  /**
   * Work of verifiers: `score` audited replies, `trace` rejected ones to find the layer that differs. Empty if a reply shows nothing to
   * compare, or nobody may read it; then no reply is audited.
   */
  readonly verifierWork: readonly ('score' | 'trace')[];
  /**
   * The part of an audited reply that validators and verifiers may read. It is its `texts` (prompt, answer and opening), or `none` of
   * them: then the provider shows them to its consumer alone.
   */
  readonly audit: 'texts' | 'none';
  /** The condition for the fee: the `verdict`; or an `unaudited` entry, even if an audit was requested; or `nobody`: there is no fee. */
  readonly settledBy: 'verdict' | 'unaudited' | 'nobody';
  /**
   * Explains why this tier does not admit the outcome of a report, which makes it inconclusive; undefined if it does.
   * @param found.exact found by equality in the reply's own class, or of values that are equal in every class.
   */
  findOutcomeProblem(outcome: Outcome, found: { readonly exact: boolean }): string | undefined;
  /**
   * Describes to people how much an audit of a reply can detect.
   * @param served.exact another machine of the reply's class reproduces it bit for bit.
   */
  describeAudit(served: { readonly exact: boolean }): string;
}

/** A tier that model ids may name, but that nobody can serve or check yet. */
export interface PlannedTier {
  readonly name: string;
  /** The part that this version lacks, in words for people. */
  readonly missing: string;
}

export type TierEntry = Tier | PlannedTier;
