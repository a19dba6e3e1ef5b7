import type { Check, Outcome } from '../base/checks.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** What every receipt has a place for (docs/spec/receipt.md). */
export type ReceiptPart = 'order' | 'ticket' | 'record' | 'beacon' | 'opening';

/** The exact bytes that payer and provider signed. */
export interface SignedParts {
  readonly order: Uint8Array;
  readonly record: Uint8Array;
}

/** A reply's own evidence on the wire and in stores: bytes by the name of the part. Names are hostile: read them by `getPart`. */
export type EvidenceParts = Readonly<Record<string, Uint8Array>>;

/** A part that receipts of one tier alone carry, in their field `evidence`. */
export interface OwnEvidence {
  /** Lower-case letters, digits and `-`, at most 32 of them. */
  readonly name: string;
  /** Largest size of the part. */
  readonly maxBytes: number;
  /** Ids of the checks that are made of it: each of them stands in the verdict on any receipt of the tier. */
  readonly checks: readonly string[];
  /**
   * Makes the checks. A check that needs the reader's own policy or registries is a skip here; an EvidenceReader makes it.
   * @param bytes hostile; an error or a rejection fails every one of the checks.
   */
  verify(crypto: Crypto, bytes: Uint8Array, signed: SignedParts): readonly Check[] | Promise<readonly Check[]>;
}

/** A record with its tier's own evidence, as a party shows it that wants it accepted. */
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
 * @throws where the answer is not known now, such as when a registry cannot be read.
 */
export type EvidenceReader = (shown: ShownRecord, bytes: Uint8Array, nowMs: number) => Promise<readonly Check[]>;

/** Readers of one party by the id of the check that they make. */
export type EvidenceReaders = ReadonlyMap<string, EvidenceReader>;

/** The party that decides about a record. */
export interface AdmittingParty {
  readonly crypto: Crypto;
  readonly nowMs: number;
  /** Default: none. */
  readonly readers?: EvidenceReaders | undefined;
}

/**
 * One promise about replies: what a receipt must carry, who checks which part, and what settles the fee (docs/spec/tiers.md). A
 * new tier is a file beside `verified.ts` and a line in `registry.ts`.
 */
export interface Tier {
  /** As model ids and headers name it. */
  readonly name: string;
  /** As headers name the way in which its replies are checked; of this tier alone. */
  readonly method: string;
  /**
   * Which numeric classes can serve it. In an exact class the engine must have reproduced itself at load, whatever the name of
   * the class. `inexact` takes no class that claims to be exact: nobody would ever compare it.
   */
  readonly classes: 'any' | 'exact' | 'inexact';
  /**
   * What the windows of a text hold: `draws` with their candidates and sketches, or the `tokens` alone, as far as they are known.
   */
  readonly windows: 'draws' | 'tokens';
  /** What a model root is in this tier: the root of `weights`, or of the model's `name`, which says nothing about weights. */
  readonly root: 'weights' | 'name';
  /** `sealed`: its providers take no request in plain. */
  readonly channel: 'any' | 'sealed';
  /** Checks of stage 1 that nobody can make of its replies. Whoever asks for the tier does without them. */
  readonly leavesOut: readonly string[];
  /** What its receipts carry. A part that is missing is a failed check, never a skipped one. */
  readonly evidence: readonly ReceiptPart[];
  readonly ownEvidence: readonly OwnEvidence[];
  /**
   * Checks a record's own evidence before a party accepts the record or signs its fee. Any failed check refuses the record. A skipped one
   * is a check that this party has no reader for.
   * @throws what a reader throws.
   */
  admit(party: AdmittingParty, shown: ShownRecord): Promise<readonly Check[]>;
  /**
   * What verifiers do: `score` replies that are audited, `trace` those that were rejected, to find the layer that differs. Nothing
   * where there is nothing to compare: then no reply is audited.
   */
  readonly verifierWork: readonly ('score' | 'trace')[];
  /** What releases the fee: the verdict; an entry that says `unaudited`, whoever asks for an audit; `nobody` where there is no fee. */
  readonly settledBy: 'verdict' | 'unaudited' | 'nobody';
  /**
   * Why this tier does not admit the outcome of a report, which makes it inconclusive; undefined if it does.
   * @param found.exact it was found by equality in the reply's own class, or by what is equal in every class.
   */
  findOutcomeProblem(outcome: Outcome, found: { readonly exact: boolean }): string | undefined;
  /**
   * For people: what an audit of a reply can see.
   * @param served.exact another machine of the reply's class reproduces it bit for bit.
   */
  describeAudit(served: { readonly exact: boolean }): string;
}

/** A tier that model ids may name and nobody can serve or check yet. */
export interface PlannedTier {
  readonly name: string;
  /** What this version lacks, for people. */
  readonly missing: string;
}

export type TierEntry = Tier | PlannedTier;
