// Bounds that two roles must agree on, each defined once. If one role let a reply through and another refused it, the reply
// would be served unpaid. Bounds of a single format stand beside its codec. `scripts/imports.ts` refuses such a constant
// elsewhere.

/** Of a request's exact body, UTF-8 bytes. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** Of a reply's text, UTF-8 bytes. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;
/** Of one stop string, UTF-8 bytes. */
export const MAX_STOP_BYTES = 256;
/** Of an encoded order. */
export const MAX_ORDER_BYTES = 512;
/** Of a cache scope: the gateway's name for whoever a prompt belongs to. */
export const MAX_CACHE_SCOPE_BYTES = 32;
/** `host:port` in a ticket or an announcement, UTF-8 bytes. */
export const MAX_ENDPOINT_BYTES = 255;
/** `ogong/<tier>/<maker>/<model>`, UTF-8 bytes. */
export const MAX_MODEL_ID_BYTES = 160;
/** Name of a numeric class, UTF-8 bytes. */
export const MAX_NUMERIC_CLASS_BYTES = 255;
/** Of a verifier's job on the wire: the longest request, and every token of the longest reply. */
export const MAX_JOB_BYTES = 8 * MAX_REQUEST_BYTES;
/** Of the call that asks a verifier to open its report: an id and the digests of one round. */
export const MAX_REVEAL_BYTES = 1024;
/** Providers that one match may leave out. */
export const MAX_EXCLUDED_PROVIDERS = 64;
/** That a request leaves a router to draw among, and that it rules out, each. */
export const MAX_ONLY_PROVIDERS = 16;

/** That one question of a payer to a validator is about. */
export const MAX_ASKED_REPLIES = 64;

/** That one call of a payer tells a validator of. */
export const MAX_TOLD_REPLIES = 32;

/** A payer signs how much of a text it has each time it has so many more bytes of it. */
export const PROGRESS_STEP_BYTES = 512;
/** Bytes of text that a provider sends ahead of the payer's word, and is paid for beyond it. Room for answers that are on their way. */
export const PROGRESS_WINDOW_BYTES = 2_048;

/** Tokens of a text at its first milestone. Each further one is due where the text has a quarter more tokens than at the one before. */
export const FIRST_MILESTONE_TOKENS = 64;
/** Of the opening that a payer hands in with a milestone. A longer text has no further milestones. */
export const MAX_MILESTONE_OPENING_BYTES = 4 * 1024 * 1024;

/** How far apart the clocks of two machines may be. */
export const CLOCK_TOLERANCE_MS = 30_000;
/** An announcement lives no longer than this: dead nodes must not stay listed. */
export const MAX_ANNOUNCEMENT_LIFETIME_MS = 3_600_000;
/** Models of one announcement. */
export const MAX_ANNOUNCED_MODELS = 64;
/** A verifier's word: more than the tag and 64 models with the longest names of classes. */
export const MAX_ENDORSEMENT_BYTES = 20_000;
/** The word of a cohort: the keys and signatures of 64 shards. */
export const MAX_COHORT_WORD_BYTES = 256 * 1024;
/** For how long payee and verifier sign for a provider's key, and how often they sign anew while it works for them. */
export const KEY_WORD_LIFETIME_MS = 7 * 86_400_000;
export const KEY_WORD_RENEWAL_MS = 86_400_000;
/** Reply ids are remembered until their order expires, so an order must not live for ever. */
export const MAX_ORDER_LIFETIME_MS = 600_000;
/** A ticket is as old as it says by so much at most, so that a router's date is near the truth. */
export const MAX_TICKET_LIFETIME_MS = 600_000;
/** How long providers keep openings after the order's expiry. Later, a missing opening proves nothing. */
export const OPENING_KEPT_MS = 86_400_000;
/** From an order on, as long as somebody may ask for the opening of its reply. */
export const OPENING_ASKED_MS = OPENING_KEPT_MS + MAX_ORDER_LIFETIME_MS;
/** How far an order's epoch may lie from the newest one that is known here: nodes learn of a new one at different moments. */
const EPOCH_SLACK = 2n;

/** A validator admits no order on a reading of its payer's channel that is older: it would not know what was asked back since. */
export const CHANNEL_READING_MS = 1_800_000;
/**
 * How far apart a validator's clock and the chain's may be, with the age of its reading of a channel. Evidence that it admitted
 * more than the channel held counts the most that this held within so much of the admissions.
 */
export const ADMISSION_DOUBT_MS = 3_600_000;

/** How long providers keep admissions after the order's expiry: who pools them has a week. */
export const ADMISSIONS_KEPT_MS = 7 * 86_400_000;

const LEAST_LIFETIME_MS = 120_000;
const LIFETIME_MS_PER_TOKEN = 50;

/**
 * The lifetime that a payer gives an order, ms: the record has to reach the validator within it, or the reply counts as
 * abandoned. It is shorter than the maximum by what the clocks of payer, provider and validator may differ.
 */
export function computeOrderLifetime({ maxTokens }: { readonly maxTokens: number }): number {
  const neededMs = LEAST_LIFETIME_MS + LIFETIME_MS_PER_TOKEN * maxTokens;
  return Math.min(neededMs, MAX_ORDER_LIFETIME_MS - 2 * CLOCK_TOLERANCE_MS);
}

/** Whether an order of that epoch is taken while `latest` is the newest epoch known. */
export function isEpochNear(epoch: bigint, latest: bigint): boolean {
  return epoch <= latest + EPOCH_SLACK && latest <= epoch + EPOCH_SLACK;
}

/** A provider makes a new seal key so often, and no key lives longer: what a stolen one opens ends with it. */
export const SEAL_KEY_LIFETIME_MS = 3_600_000;
/** Of a sealed request: the longest body, what stands beside it, and the padding. */
export const MAX_SEALED_REQUEST_BYTES = MAX_REQUEST_BYTES + 128 * 1024;
/** Of what a part of a sealed reply may be sealed in: its request, its text and its opening, and their padding. */
export const MAX_SEALED_PART_BYTES = (9 * (MAX_REQUEST_BYTES + MAX_RESPONSE_BYTES + MAX_MILESTONE_OPENING_BYTES)) / 8;
/** Of what one reply may be sealed in: its opening, its texts, and what is said of each token. */
export const MAX_SEALED_REPLY_BYTES = 128 * 1024 * 1024;
/** Of a batch with several entries, as it is proposed to co-signers; one entry with long openings may be larger. */
export const MAX_BATCH_BYTES = 32 * 1024 * 1024;
