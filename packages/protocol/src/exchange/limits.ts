// Bounds that two roles must agree on, each defined once. If one role let a reply through and another refused it, the reply
// would be served unpaid. Bounds of a single format are beside its codec. `scripts/imports.ts` refuses such a constant
// elsewhere.

/** The largest exact body of a request, UTF-8 bytes. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** The most pictures and other files that travel beside a request. */
export const MAX_MEDIA_PARTS = 100;
/** The most bytes of all of them. */
export const MAX_MEDIA_BYTES = 16 * 1024 * 1024;
/** The most addresses in a request that a gateway or local mode fetches pictures from. */
export const MAX_MEDIA_ADDRESSES = 16;
/** The largest body as a user writes it: its media stand in it as data URLs, in base64. */
export const MAX_WRITTEN_REQUEST_BYTES = MAX_REQUEST_BYTES + 4 * Math.ceil(MAX_MEDIA_BYTES / 3) + 4 * MAX_MEDIA_PARTS;
/** The most bytes of one piece of media on its way to a provider. */
export const MEDIA_PIECE_BYTES = 1024 * 1024;
/** The largest encoded media of a request: the parts, their lengths and the tag. */
export const MAX_ENCODED_MEDIA_BYTES = MAX_MEDIA_BYTES + 4 * MAX_MEDIA_PARTS + 32;
/** The most pieces: the largest media, sealed and padded. */
export const MAX_MEDIA_PIECES = Math.ceil((9 * MAX_ENCODED_MEDIA_BYTES) / 8 / MEDIA_PIECE_BYTES) + 1;
/** The largest text of a reply, UTF-8 bytes, and the most bytes of its vectors. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;
/** The largest picture of a reply, RGB8. */
export const MAX_PICTURE_BYTES = 6 * 1024 * 1024;
/** The largest response of any modality. Messages have room for it. */
export const MAX_ANY_RESPONSE_BYTES = Math.max(MAX_RESPONSE_BYTES, MAX_PICTURE_BYTES);
/** The longest stop string, UTF-8 bytes. */
export const MAX_STOP_BYTES = 256;
/** The largest encoded order. */
export const MAX_ORDER_BYTES = 512;
/** The longest cache scope: the gateway's name for the owner of a prompt. */
export const MAX_CACHE_SCOPE_BYTES = 32;
/** The longest `host:port` in a ticket or an announcement, UTF-8 bytes. */
export const MAX_ENDPOINT_BYTES = 255;
/** The longest `ogong/<tier>/<maker>/<model>`, UTF-8 bytes. */
export const MAX_MODEL_ID_BYTES = 160;
/** The longest name of a numeric class, UTF-8 bytes. */
export const MAX_NUMERIC_CLASS_BYTES = 255;
/** The largest verifier job on the wire: the longest request, and every token of the longest reply. */
export const MAX_JOB_BYTES = 8 * MAX_REQUEST_BYTES;
/** The most bytes of the rows of all pictures in a prompt. A picture of 576 rows with 4,096 values has 9 MiB. */
export const MAX_ROWS_BYTES = 24 * 1024 * 1024;
/** The largest message with such a job: the media of its request and the rows of its pictures travel beside it. */
export const MAX_SENT_JOB_BYTES = MAX_JOB_BYTES + MAX_ENCODED_MEDIA_BYTES + MAX_ROWS_BYTES;
/** The most bytes of all blobs that stage 1 of a picture reads. A reader replays them one by one. */
export const MAX_REPLAY_BYTES = 64 * 1024 * 1024;
/** The most bytes of one latent. Three of them travel beside a job with the longest request. */
export const MAX_LATENT_BYTES = (MAX_JOB_BYTES - 2 * MAX_REQUEST_BYTES) / 3;
/** The largest call that asks a verifier to open its report: an id and the digests of one round. */
export const MAX_REVEAL_BYTES = 1024;
/** The most providers that one match may exclude. */
export const MAX_EXCLUDED_PROVIDERS = 64;
/** The most providers that a request allows, and the most that it rules out. */
export const MAX_ONLY_PROVIDERS = 16;

/** The most replies in one question of a payer to a validator. */
export const MAX_ASKED_REPLIES = 64;

/** The most replies in one delivery call of a payer to a validator. */
export const MAX_TOLD_REPLIES = 32;

/** Bytes of text after which a payer signs its progress again. */
export const PROGRESS_STEP_BYTES = 512;
/**
 * Bytes of text that a provider sends ahead of the payer's progress statement. It is paid for them. They leave room for
 * statements on their way.
 */
export const PROGRESS_WINDOW_BYTES = 2_048;

/** Tokens of a text at its first milestone. The next one is due when the text has a quarter more tokens. */
export const FIRST_MILESTONE_TOKENS = 64;
/** The largest opening that a payer submits with a milestone. A longer text has no further milestones. */
export const MAX_MILESTONE_OPENING_BYTES = 4 * 1024 * 1024;

/** The largest accepted difference between the clocks of two machines. */
export const CLOCK_TOLERANCE_MS = 30_000;
/** The longest lifetime of an announcement. Dead nodes must not stay listed. */
export const MAX_ANNOUNCEMENT_LIFETIME_MS = 3_600_000;
/** The most models of one announcement. */
export const MAX_ANNOUNCED_MODELS = 64;
/** The longest name of a modality. */
export const MAX_MODALITY_BYTES = 32;
/** The largest endorsement of a verifier: more than the tag and 64 models with the longest names of classes. */
export const MAX_ENDORSEMENT_BYTES = 20_000;
/** The largest cohort agreement: terms, keys and signatures of 64 shards. */
export const MAX_COHORT_AGREEMENT_BYTES = 272 * 1024;
/** Lifetime of the statements of payee and verifier for a provider's key. They renew them while the key works for them. */
export const KEY_STATEMENT_LIFETIME_MS = 7 * 86_400_000;
export const KEY_WORD_RENEWAL_MS = 86_400_000;
/** The longest lifetime of an order. Reply ids are remembered until their order expires, so an order must not live for ever. */
export const MAX_ORDER_LIFETIME_MS = 600_000;
/** The largest age of a ticket by its own date, so that a router's date is near the truth. */
export const MAX_TICKET_LIFETIME_MS = 600_000;
/** The time after the order's expiry during which providers store openings. Later, a missing opening proves nothing. */
export const OPENING_KEPT_MS = 86_400_000;
/** The time from an order during which the opening of its reply may be requested. */
export const OPENING_ASKED_MS = OPENING_KEPT_MS + MAX_ORDER_LIFETIME_MS;
/**
 * The largest distance of an order's epoch from the newest known one, because nodes learn of a new one at different moments.
 */
const EPOCH_SLACK = 2n;

/** The largest age of a channel reading on which a validator admits orders. An older one would miss later withdrawals. */
export const CHANNEL_READING_MS = 1_800_000;
/**
 * The largest difference between a validator's clock and the chain's, plus the age of its channel reading. Evidence of
 * over-admission counts the largest room of the channel within this distance of the admissions.
 */
export const ADMISSION_DOUBT_MS = 3_600_000;

/** The time after the order's expiry during which providers store admissions. A party that collects evidence has a week. */
export const ADMISSIONS_KEPT_MS = 7 * 86_400_000;

/**
 * A payer may have one fee in so many audited without a finding, at its own claim. The verification shares of these fees pay for the audit.
 * A gateway gives each of its accounts the same part of the account's fees.
 */
export const FEES_PER_AUDIT = 20n;

const LEAST_LIFETIME_MS = 120_000;

/** The longest expected time of a reply whose order can live long enough. */
export const LONGEST_EXPECTED_MS = MAX_ORDER_LIFETIME_MS - 2 * CLOCK_TOLERANCE_MS - LEAST_LIFETIME_MS;

/**
 * Computes the lifetime that a payer gives an order, ms. The record has to reach the validator within it, or the reply counts
 * as abandoned. It is shorter than the maximum by the allowed difference between the clocks of payer, provider and validator.
 * @param expectedMs the longest time that the reply is expected to take, as its modality says (`expectMs`).
 */
export function computeOrderLifetime({ expectedMs }: { readonly expectedMs: number }): number {
  return LEAST_LIFETIME_MS + Math.min(expectedMs, LONGEST_EXPECTED_MS);
}

/** Returns whether an order of that epoch is accepted while `latest` is the newest known epoch. */
export function isEpochNear(epoch: bigint, latest: bigint): boolean {
  return epoch <= latest + EPOCH_SLACK && latest <= epoch + EPOCH_SLACK;
}

/** The longest lifetime of a provider's seal key. A stolen key opens nothing beyond it. */
export const SEAL_KEY_LIFETIME_MS = 3_600_000;
/** The largest sealed request: the longest body, the fields beside it, and the padding. */
export const MAX_SEALED_REQUEST_BYTES = MAX_REQUEST_BYTES + 128 * 1024;
/** The largest sealed parts of a reply: its request, its text and its opening, with their padding. */
export const MAX_SEALED_PART_BYTES = (9 * (MAX_REQUEST_BYTES + MAX_RESPONSE_BYTES + MAX_MILESTONE_OPENING_BYTES)) / 8;
/** The largest sealed reply: its opening, its texts, and the details of each token. */
export const MAX_SEALED_REPLY_BYTES = 128 * 1024 * 1024;
/** The largest batch with several entries, as proposed to co-signers. One entry with long openings may be larger. */
export const MAX_BATCH_BYTES = 32 * 1024 * 1024;
