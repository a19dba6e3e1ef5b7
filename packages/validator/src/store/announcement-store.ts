import { amount, bytes, columns, integer, mapped, named, optional, text } from '@ogong/host/store/columns';
import { rememberParsed } from '@ogong/host/store/remember-parsed';
import type { Store } from '@ogong/host/store/store';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import {
  type Announcement,
  encodeAnnouncement,
  parseAnnouncement,
  type SignedAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { findHeldOffer, isSameSegment, type ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { type EndorsementTerms, findClass, parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { encodeCredential, isOffered, parseCredential } from '@ogong/protocol/verdict/credential';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { keepListedCredential } from './listed-credential-store.ts';

/** Most announcements from their own providers, as many as a router lists. */
export const MAX_ANNOUNCEMENTS = 4096;
/** Most further announcements that other validators forwarded. */
export const MAX_HANDED = 1024;

const announcementColumn = mapped(
  bytes,
  rememberParsed(parseAnnouncement, MAX_ANNOUNCEMENTS + MAX_HANDED),
  encodeAnnouncement,
);

/** Parses a verifier's endorsement, once for the same bytes. */
export const readWord: (bytes: Uint8Array) => EndorsementTerms = rememberParsed(
  parseEndorsement,
  MAX_ANNOUNCEMENTS + MAX_HANDED,
);

const announcementColumns = columns({ announcement: announcementColumn });
const heldRow = columns({ announcement: announcementColumn, verifierWord: optional(bytes) });
const sequenceColumns = columns({ sequence: text });
const credentialColumns = columns({ credential: optional(mapped(bytes, parseCredential, encodeCredential)) });
const countColumns = columns({ n: integer });
const heldColumns = columns({ sinceMs: named('since', integer), stake: amount });
const idColumns = columns({ providerId: bytes });
const droppedColumns = columns({ providerId: bytes, credential: optional(bytes) });
const stakedIdColumns = columns({ providerId: bytes, stake: amount });
const stakedColumns = columns({ announcement: announcementColumn, stake: amount });

/** An announcement with its verifier's endorsement. */
export interface StoredAnnouncement {
  readonly announcement: Announcement;
  readonly verifierWord: Uint8Array | undefined;
}

interface KnownRow extends StoredAnnouncement {
  readonly sequence: string;
}

/**
 * Parsed rows by provider: a row changes only with its sequence. A co-signer reads all of them for every entry, and
 * each announcement reads the one before it. Their bytes would be most of a busy validator's reads.
 */
const knownRows = new WeakMap<Store, Map<string, KnownRow>>();
const MOST_KNOWN = 2 * (MAX_ANNOUNCEMENTS + MAX_HANDED);

function knownOf(store: Store): Map<string, KnownRow> {
  const known = knownRows.get(store);
  if (known === undefined) {
    const empty = new Map<string, KnownRow>();
    knownRows.set(store, empty);
    return empty;
  }
  if (known.size > MOST_KNOWN) known.clear();
  return known;
}

/** @param name id of the provider, hex. @param sequence of its present row. */
export function readStoredAnnouncement(store: Store, name: string, sequence: string): StoredAnnouncement | undefined {
  const known = knownOf(store);
  const kept = known.get(name);
  if (kept?.sequence === sequence) return kept;
  const sql = `SELECT ${heldRow.list} FROM announcements WHERE provider_id = ?`;
  const row = heldRow.get(store.prepare(sql), fromHex(name));
  if (row !== undefined) known.set(name, { ...row, sequence });
  return row;
}

function readSequence(store: Store, providerId: Uint8Array): string | undefined {
  return sequenceColumns.get(store.prepare('SELECT sequence FROM announcements WHERE provider_id = ?'), providerId)
    ?.sequence;
}

/** Reads an announcement. Its signature was checked on arrival. */
export function readAnnouncement(store: Store, providerId: Uint8Array): Announcement | undefined {
  const sequence = readSequence(store, providerId);
  return sequence === undefined ? undefined : readStoredAnnouncement(store, toHex(providerId), sequence)?.announcement;
}

/**
 * Finds the credential that binds a candidate's key to its payee, class and context, if the present announcement still
 * says the same.
 */
export function findCredential(
  store: Store,
  { providerId, payee, keyHash, ...offer }: Omit<EvidenceCandidate, 'operator' | 'weight'>,
  modelRoot: Uint8Array,
): SignedAnnouncement | undefined {
  const announced = readAnnouncement(store, providerId);
  if (announced?.verifier === undefined) return undefined;
  if (!equalBytes(announced.payee, payee) || !equalBytes(announced.verifier.keyHash, keyHash)) return undefined;
  const credential = readCredential(store, providerId);
  return credential && isOffered(credential, modelRoot, offer) ? credential : undefined;
}

type ListedOffer = Omit<EvidenceCandidate, 'providerId' | 'operator' | 'weight'>;

/** Tells whether a candidate is announced as it is listed. Reads only parsed rows. */
export function isAnnouncedAsListed(
  store: Store,
  { providerId, ...offer }: Omit<EvidenceCandidate, 'operator' | 'weight'>,
  modelRoot: Uint8Array,
): boolean {
  const sequence = readSequence(store, providerId);
  const held = sequence === undefined ? undefined : readStoredAnnouncement(store, toHex(providerId), sequence);
  return held !== undefined && isOffer(held, offer, modelRoot);
}

function isOffer(held: StoredAnnouncement, listed: ListedOffer, modelRoot: Uint8Array): boolean {
  const offer = findOffer(held, modelRoot, listed.segment);
  return (
    offer !== undefined &&
    equalBytes(offer.payee, listed.payee) &&
    equalBytes(offer.keyHash, listed.keyHash) &&
    offer.contextSize === listed.contextSize &&
    offer.numericClass === listed.numericClass
  );
}

/** Returns the verifier's list entry for a model or a part of it; undefined if it may not be listed for it. */
export function findOffer(
  { announcement, verifierWord }: StoredAnnouncement,
  modelRoot: Uint8Array,
  segment: ListedSegment | undefined,
): ListedOffer | undefined {
  const { payee, verifier } = announcement;
  const model = findHeldOffer(announcement, modelRoot, segment);
  const numericClass = verifierWord && findClass(readWord(verifierWord), modelRoot);
  if (verifier === undefined || model === undefined || numericClass === undefined) return undefined;
  return { payee, keyHash: verifier.keyHash, numericClass, contextSize: model.contextSize, segment };
}

/** Most forwarded announcements of one payee: all its stake counts by one key for each model. */
export const MAX_HANDED_OF_PAYEE = 16;

export type AnnouncementProblem = 'known' | 'shared-certificate' | 'full';

/**
 * Stores an announcement. Identities are free, so each needs its own certificate, and new ones are refused if there are
 * too many. A forwarded announcement reserves no certificate, since nobody has shown its key. It takes no place of a
 * provider that comes itself.
 * @returns the reason of a refusal; undefined if it was stored.
 */
export function putAnnouncement(
  store: Store,
  announcement: Announcement,
  bytes: Uint8Array,
  {
    nowMs,
    limit = MAX_ANNOUNCEMENTS,
    credential,
    isHanded = false,
  }: {
    readonly nowMs: number;
    readonly limit?: number;
    readonly credential?: SignedAnnouncement;
    readonly isHanded?: boolean;
  },
): AnnouncementProblem | undefined {
  const { providerId, certHash, sequence, expiresAtMs } = announcement;
  // Stored until a day after expiry: an audit must find a provider that has just stopped announcing.
  drop(store, 'expires_at < ?', nowMs - 86_400_000);
  const known = readAnnouncement(store, providerId);
  if (known && known.sequence >= sequence) return 'known';
  if (!isHanded) {
    drop(store, 'cert_hash = ? AND provider_id <> ? AND handed = 1', certHash, providerId);
  }
  const other = store
    .prepare('SELECT 1 FROM announcements WHERE cert_hash = ? AND provider_id <> ? AND expires_at > ? AND handed = 0')
    .get(certHash, providerId, nowMs);
  if (other) return 'shared-certificate';
  const isCounted = known !== undefined && (isHanded || !isFromOthers(store, providerId));
  const room = { nowMs, isHanded, limit: isHanded ? Math.min(limit, MAX_HANDED) : limit };
  if (!isCounted && !hasRoom(store, room)) return 'full';
  const verifierWord = (announcement.verifier && credential?.verifierEndorsement?.word) || undefined;
  keepWhatEnds(store, providerId, { announcement, verifierWord });
  store
    .prepare(
      `INSERT INTO announcements (provider_id, sequence, expires_at, announcement, cert_hash, credential, verifier_word,
       since, handed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET sequence = excluded.sequence, expires_at = excluded.expires_at,
       announcement = excluded.announcement, cert_hash = excluded.cert_hash, credential = excluded.credential,
       verifier_word = excluded.verifier_word,
       since = excluded.since, handed = excluded.handed`,
    )
    .run(
      providerId,
      sequence.toString(),
      expiresAtMs,
      bytes,
      certHash,
      credential && announcement.verifier ? encodeCredential(credential) : null,
      verifierWord ?? null,
      findSince(store, known, announcement, nowMs),
      Number(isHanded),
    );
  knownOf(store).set(toHex(providerId), { announcement, verifierWord, sequence: sequence.toString() });
  return undefined;
}

/** Stores the ended credential, which lists of running audit attempts may name. */
function keepWhatEnds(store: Store, providerId: Uint8Array, next: StoredAnnouncement): void {
  const sequence = readSequence(store, providerId);
  const known = sequence === undefined ? undefined : readStoredAnnouncement(store, toHex(providerId), sequence);
  if (known === undefined || listHeld(known).every((held) => isSameOffer(known, next, held))) return;
  const sql = `SELECT ${droppedColumns.list} FROM announcements WHERE provider_id = ?`;
  const row = droppedColumns.get(store.prepare(sql), providerId);
  if (row) keepListedCredential(store, row);
}

/** A model, or a part of it, that a verifier may be listed for. */
export interface ModelPart {
  readonly modelRoot: Uint8Array;
  readonly segment: ListedSegment | undefined;
  /** As announced. */
  readonly contextSize: number;
}

/** Lists the models and parts of models that an announcement offers. */
export const listHeld = ({
  announcement: { models, segments },
}: Pick<StoredAnnouncement, 'announcement'>): readonly ModelPart[] => [
  ...models
    .filter(({ cohort }) => cohort === undefined)
    .map(({ modelRoot, contextSize }) => ({ modelRoot, contextSize, segment: undefined })),
  ...segments.map(({ modelRoot, contextSize, manifestHash, firstLayer, layers }) => ({
    modelRoot,
    contextSize,
    segment: { manifestHash, firstLayer, layers },
  })),
];

/** Tells whether the second announcement binds a candidate of the first one to the same payee. */
function isSameOffer(known: StoredAnnouncement, next: StoredAnnouncement, { modelRoot, segment }: ModelPart): boolean {
  const offer = findOffer(known, modelRoot, segment);
  return offer === undefined || isOffer(next, offer, modelRoot);
}

/** @param where condition of the deleted rows. @returns the number of deleted rows. */
function drop(store: Store, where: string, ...values: readonly (Uint8Array | number)[]): number {
  const sql = `DELETE FROM announcements WHERE ${where} RETURNING ${droppedColumns.list}`;
  const dropped = droppedColumns.all(store.prepare(sql), ...values);
  for (const row of dropped) keepListedCredential(store, row);
  return dropped.length;
}

const isFromOthers = (store: Store, providerId: Uint8Array): boolean =>
  store.prepare('SELECT 1 FROM announcements WHERE provider_id = ? AND handed = 1').get(providerId) !== undefined;

/** Returns the time since which the provider announces without a gap that it verifies these models for this payee. */
function findSince(store: Store, known: Announcement | undefined, next: Announcement, nowMs: number): number {
  if (known === undefined || known.expiresAtMs < nowMs || !isSameVerifier(known, next)) return nowMs;
  const sql = `SELECT ${heldColumns.list} FROM announcements WHERE provider_id = ?`;
  return heldColumns.get(store.prepare(sql), next.providerId)?.sinceMs ?? nowMs;
}

function isSameVerifier(a: Announcement, b: Announcement): boolean {
  if (a.verifier === undefined || b.verifier === undefined) return false;
  const isSame = equalBytes(a.payee, b.payee) && equalBytes(a.verifier.keyHash, b.verifier.keyHash);
  const [own, others] = [listHeld({ announcement: a }), listHeld({ announcement: b })];
  return isSame && own.length === others.length && own.every((held, i) => isSamePart(held, others[i] as ModelPart));
}

export const isSamePart = (a: ModelPart, b: ModelPart): boolean =>
  equalBytes(a.modelRoot, b.modelRoot) && isSameSegment(a.segment, b.segment);

/**
 * Stores the stake behind each announced verifier, for the candidate lists that this validator co-signs. Growing stake
 * counts from now on, shrinking stake at once.
 */
export function keepStakes(store: Store, stakeOf: (payee: Uint8Array) => bigint, nowMs: number): void {
  const sql = `SELECT ${stakedColumns.list} FROM announcements WHERE expires_at > ?`;
  const grow = store.prepare('UPDATE announcements SET stake = ?, since = ? WHERE provider_id = ?');
  const shrink = store.prepare('UPDATE announcements SET stake = ? WHERE provider_id = ?');
  for (const { announcement, stake: before } of stakedColumns.all(store.prepare(sql), nowMs)) {
    const { verifier, payee, providerId } = announcement;
    const stake = verifier === undefined ? 0n : stakeOf(payee);
    if (stake > before) grow.run(stake.toString(), nowMs, providerId);
    if (stake < before) shrink.run(stake.toString(), providerId);
  }
}

/**
 * Makes room: the longest expired providers go first, but not while they have replies in progress or their old
 * announcement could be accepted again.
 */
function hasRoom(
  store: Store,
  { nowMs, isHanded, limit }: { readonly nowMs: number; readonly isHanded: boolean; readonly limit: number },
): boolean {
  const kind = Number(isHanded);
  const counted = countColumns.get(store.prepare('SELECT count(*) AS n FROM announcements WHERE handed = ?'), kind);
  if (counted !== undefined && counted.n < limit) return true;
  const dropped = drop(
    store,
    `provider_id = (
         SELECT provider_id FROM announcements WHERE handed = ? AND expires_at < ? AND provider_id NOT IN
           (SELECT provider_id FROM replies WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting'))
         ORDER BY expires_at LIMIT 1)`,
    kind,
    nowMs - CLOCK_TOLERANCE_MS,
  );
  return dropped > 0;
}

/** Lists the payees of announced verifiers, to read their stakes. */
export function listVerifierPayees(store: Store, nowMs: number): Uint8Array[] {
  return announcementColumns
    .all(store.prepare('SELECT announcement FROM announcements WHERE expires_at > ?'), nowMs)
    .map(({ announcement }) => announcement)
    .filter(({ verifier }) => verifier)
    .map(({ payee }) => payee);
}

/** One model that a provider announces now. */
export interface StoredOffer {
  readonly providerId: Uint8Array;
  readonly modelId: string;
  readonly modelRoot: Uint8Array;
  /** As the provider announces it. */
  readonly modality: string;
}

export function listAnnounced(store: Store, nowMs: number): Announcement[] {
  return announcementColumns
    .all(store.prepare('SELECT announcement FROM announcements WHERE expires_at > ?'), nowMs)
    .map(({ announcement }) => announcement);
}

/** Lists all current offers. Weights that a provider offers under several names occur once. */
export function listOffers(store: Store, nowMs: number): StoredOffer[] {
  return listAnnounced(store, nowMs).flatMap(({ providerId, models }) =>
    models
      .filter(({ modelRoot }, i) => models.findIndex((one) => equalBytes(one.modelRoot, modelRoot)) === i)
      .map(({ modelId, modelRoot, modality }) => ({ providerId, modelId, modelRoot, modality })),
  );
}

/** Lists the provider ids of announcements that expire later. */
export function listStoredIds(store: Store, untilMs: number): Uint8Array[] {
  const sql = `SELECT ${idColumns.list} FROM announcements WHERE expires_at > ?`;
  return idColumns.all(store.prepare(sql), untilMs).map(({ providerId }) => providerId);
}

export interface StakedRow {
  readonly providerId: Uint8Array;
  readonly stake: bigint;
}

/** Lists staked verifiers that are announced until then at least, most stake first. */
export function listStakedVerifiers(store: Store, untilMs: number): StakedRow[] {
  const sql = `SELECT ${stakedIdColumns.list} FROM announcements WHERE expires_at > ? AND credential IS NOT NULL AND stake <> '0'`;
  return stakedIdColumns.all(store.prepare(sql), untilMs).sort((a, b) => (a.stake > b.stake ? -1 : 1));
}

/** Reads the announcement with all its signatures; undefined if it names no verifier. */
export function readCredential(store: Store, providerId: Uint8Array): SignedAnnouncement | undefined {
  const sql = 'SELECT credential FROM announcements WHERE provider_id = ?';
  return credentialColumns.get(store.prepare(sql), providerId)?.credential;
}

/** Counts forwarded announcements of a payee, without this provider's. */
export function countHanded(store: Store, { payee, providerId }: Pick<Announcement, 'payee' | 'providerId'>): number {
  const sql = 'SELECT announcement FROM announcements WHERE handed = 1 AND provider_id <> ?';
  return announcementColumns
    .all(store.prepare(sql), providerId)
    .filter(({ announcement }) => equalBytes(announcement.payee, payee)).length;
}
