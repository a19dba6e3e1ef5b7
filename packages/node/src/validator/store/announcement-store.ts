import { amount, bytes, columns, integer, mapped, named, optional } from '@ogong/host/store/columns';
import { rememberParsed } from '@ogong/host/store/remember-parsed';
import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import {
  type Announcement,
  encodeAnnouncement,
  parseAnnouncement,
  type SignedAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { encodeCredential, isOffered, parseCredential } from '@ogong/protocol/verdict/credential';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';

/** As many as a router lists, of those that came from their providers. */
export const MAX_ANNOUNCEMENTS = 4096;
/** Beside them: what other validators handed on. */
export const MAX_HANDED = 1024;

/** A co-signer reads all that it holds for every entry; each changes every few seconds. */
export const announcementColumn = mapped(
  bytes,
  rememberParsed(parseAnnouncement, MAX_ANNOUNCEMENTS + MAX_HANDED),
  encodeAnnouncement,
);

const announcementColumns = columns({ announcement: announcementColumn });
const credentialColumns = columns({ credential: optional(mapped(bytes, parseCredential, encodeCredential)) });
const countColumns = columns({ n: integer });
const heldColumns = columns({ sinceMs: named('since', integer), stake: amount });
const idColumns = columns({ providerId: bytes });
const stakedIdColumns = columns({ providerId: bytes, stake: amount });
const stakedColumns = columns({ announcement: announcementColumn, stake: amount });

/** Announcements whose signature was checked when they came in. */
export function readAnnouncement(store: Store, providerId: Uint8Array): Announcement | undefined {
  const sql = 'SELECT announcement FROM announcements WHERE provider_id = ?';
  return announcementColumns.get(store.prepare(sql), providerId)?.announcement;
}

/** What binds a candidate's key to its payee, class and room, if these are still what is announced. */
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

/** A payee counts with all its stake by one key for each model. */
export const MAX_HANDED_OF_PAYEE = 16;

export type AnnouncementProblem = 'known' | 'shared-certificate' | 'full';

/**
 * Identities are free. So each must have its own certificate, and if there are too many, new ones are refused. What another validator
 * handed on takes nobody's certificate, and no place of those who come themselves: who names a certificate in it need not hold it.
 * @returns why it was refused; undefined if it was stored.
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
  // Kept a day past expiry: an audit has to find a provider that has just stopped announcing.
  store.prepare('DELETE FROM announcements WHERE expires_at < ?').run(nowMs - 86_400_000);
  const known = readAnnouncement(store, providerId);
  if (known && known.sequence >= sequence) return 'known';
  if (!isHanded) {
    store
      .prepare('DELETE FROM announcements WHERE cert_hash = ? AND provider_id <> ? AND handed = 1')
      .run(certHash, providerId);
  }
  const other = store
    .prepare('SELECT 1 FROM announcements WHERE cert_hash = ? AND provider_id <> ? AND expires_at > ?')
    .get(certHash, providerId, nowMs);
  if (other) return 'shared-certificate';
  const isCounted = known !== undefined && (isHanded || !isFromOthers(store, providerId));
  const room = { nowMs, isHanded, limit: isHanded ? Math.min(limit, MAX_HANDED) : limit };
  if (!isCounted && !hasRoom(store, room)) return 'full';
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
      (announcement.verifier && credential?.verifierEndorsement?.word) ?? null,
      findSince(store, known, announcement, nowMs),
      Number(isHanded),
    );
  return undefined;
}

const isFromOthers = (store: Store, providerId: Uint8Array): boolean =>
  store.prepare('SELECT 1 FROM announcements WHERE provider_id = ? AND handed = 1').get(providerId) !== undefined;

/** Since when it has been announced without a gap that it verifies these models for this payee. */
function findSince(store: Store, known: Announcement | undefined, next: Announcement, nowMs: number): number {
  if (known === undefined || known.expiresAtMs < nowMs || !isSameVerifier(known, next)) return nowMs;
  const sql = `SELECT ${heldColumns.list} FROM announcements WHERE provider_id = ?`;
  return heldColumns.get(store.prepare(sql), next.providerId)?.sinceMs ?? nowMs;
}

function isSameVerifier(a: Announcement, b: Announcement): boolean {
  if (a.verifier === undefined || b.verifier === undefined || a.models.length !== b.models.length) return false;
  const isSame = equalBytes(a.payee, b.payee) && equalBytes(a.verifier.keyHash, b.verifier.keyHash);
  return isSame && a.models.every(({ modelRoot }, i) => equalBytes(modelRoot, b.models[i]?.modelRoot ?? NO_ROOT));
}

const NO_ROOT = new Uint8Array(0);

/**
 * Keeps what is staked behind each announced verifier, for the lists of candidates that this validator co-signs. Stake that grows counts
 * from now on, stake that shrinks at once.
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
 * Expired providers make room, the longest expired first, but not while they have replies in progress or their old announcement
 * could be accepted again.
 */
function hasRoom(
  store: Store,
  { nowMs, isHanded, limit }: { readonly nowMs: number; readonly isHanded: boolean; readonly limit: number },
): boolean {
  const kind = Number(isHanded);
  const counted = countColumns.get(store.prepare('SELECT count(*) AS n FROM announcements WHERE handed = ?'), kind);
  if (counted !== undefined && counted.n < limit) return true;
  const dropped = store
    .prepare(
      `DELETE FROM announcements WHERE provider_id = (
         SELECT provider_id FROM announcements WHERE handed = ? AND expires_at < ? AND provider_id NOT IN
           (SELECT provider_id FROM replies WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting'))
         ORDER BY expires_at LIMIT 1)`,
    )
    .run(kind, nowMs - CLOCK_TOLERANCE_MS).changes;
  return dropped > 0;
}

/** Payees of the currently announced verifiers, to read their stake. */
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
}

export function listAnnounced(store: Store, nowMs: number): Announcement[] {
  return announcementColumns
    .all(store.prepare('SELECT announcement FROM announcements WHERE expires_at > ?'), nowMs)
    .map(({ announcement }) => announcement);
}

/** All current offers; weights that a provider offers under several names stand once. */
export function listOffers(store: Store, nowMs: number): StoredOffer[] {
  return listAnnounced(store, nowMs).flatMap(({ providerId, models }) =>
    models
      .filter(({ modelRoot }, i) => models.findIndex((one) => equalBytes(one.modelRoot, modelRoot)) === i)
      .map(({ modelId, modelRoot }) => ({ providerId, modelId, modelRoot })),
  );
}

/** Provider ids of the announcements that hold longer than until then. */
export function listHeldIds(store: Store, untilMs: number): Uint8Array[] {
  const sql = `SELECT ${idColumns.list} FROM announcements WHERE expires_at > ?`;
  return idColumns.all(store.prepare(sql), untilMs).map(({ providerId }) => providerId);
}

export interface StakedRow {
  readonly providerId: Uint8Array;
  readonly stake: bigint;
}

/** Verifiers with stake that are announced until then at least, most stake first. */
export function listStakedVerifiers(store: Store, untilMs: number): StakedRow[] {
  const sql = `SELECT ${stakedIdColumns.list} FROM announcements WHERE expires_at > ? AND credential IS NOT NULL AND stake <> '0'`;
  return stakedIdColumns.all(store.prepare(sql), untilMs).sort((a, b) => (a.stake > b.stake ? -1 : 1));
}

/** What provider, payee and verifier signed; undefined where it names no verifier. */
export function readCredential(store: Store, providerId: Uint8Array): SignedAnnouncement | undefined {
  const sql = 'SELECT credential FROM announcements WHERE provider_id = ?';
  return credentialColumns.get(store.prepare(sql), providerId)?.credential;
}

/** How many announcements of a payee other validators handed on, this provider's left out of account. */
export function countHanded(store: Store, { payee, providerId }: Pick<Announcement, 'payee' | 'providerId'>): number {
  const sql = 'SELECT announcement FROM announcements WHERE handed = 1 AND provider_id <> ?';
  return announcementColumns
    .all(store.prepare(sql), providerId)
    .filter(({ announcement }) => equalBytes(announcement.payee, payee)).length;
}
