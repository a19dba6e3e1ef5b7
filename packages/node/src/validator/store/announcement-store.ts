import { bytes, columns, integer, mapped, optional } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Announcement,
  encodeAnnouncement,
  parseAnnouncement,
  type SignedAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { keepByStake } from '@ogong/protocol/exchange/stake-weights';
import { findModality } from '@ogong/protocol/modality/registry';
import { lowerStake } from '@ogong/protocol/settlement/silence-count';
import { encodeCredential, isOffered, parseCredential } from '@ogong/protocol/verdict/credential';
import { type EvidenceCandidate, MAX_CANDIDATES } from '@ogong/protocol/verdict/evidence';
import { listSilentPayees } from './sequential-store.ts';
import { readVerifier } from './verifier-store.ts';

const announcementColumns = columns({ announcement: mapped(bytes, parseAnnouncement, encodeAnnouncement) });
const credentialColumns = columns({ credential: optional(mapped(bytes, parseCredential, encodeCredential)) });
const countColumns = columns({ n: integer });

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
  if (!isOffered(announced, modelRoot, offer)) return undefined;
  const sql = 'SELECT credential FROM announcements WHERE provider_id = ?';
  return credentialColumns.get(store.prepare(sql), providerId)?.credential;
}

/** As many as a router lists. */
export const MAX_ANNOUNCEMENTS = 4096;

export type AnnouncementProblem = 'known' | 'shared-certificate' | 'full';

/**
 * Identities are free. So each must have its own certificate, and if there are too many, new ones are refused.
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
  }: { readonly nowMs: number; readonly limit?: number; readonly credential?: SignedAnnouncement },
): AnnouncementProblem | undefined {
  const { providerId, certHash, sequence, expiresAtMs } = announcement;
  // Kept a day past expiry: an audit has to find a provider that has just stopped announcing.
  store.prepare('DELETE FROM announcements WHERE expires_at < ?').run(nowMs - 86_400_000);
  const known = readAnnouncement(store, providerId);
  if (known && known.sequence >= sequence) return 'known';
  const other = store
    .prepare('SELECT 1 FROM announcements WHERE cert_hash = ? AND provider_id <> ? AND expires_at > ?')
    .get(certHash, providerId, nowMs);
  if (other) return 'shared-certificate';
  if (!known && !hasRoom(store, nowMs, limit)) return 'full';
  store
    .prepare(
      `INSERT INTO announcements (provider_id, sequence, expires_at, announcement, cert_hash, credential)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET sequence = excluded.sequence, expires_at = excluded.expires_at,
       announcement = excluded.announcement, cert_hash = excluded.cert_hash, credential = excluded.credential`,
    )
    .run(
      providerId,
      sequence.toString(),
      expiresAtMs,
      bytes,
      certHash,
      credential && announcement.verifier ? encodeCredential(credential) : null,
    );
  return undefined;
}

/**
 * Expired providers make room, the longest expired first, but not while they have replies in progress or their old announcement
 * could be accepted again.
 */
function hasRoom(store: Store, nowMs: number, limit: number): boolean {
  const counted = countColumns.get(store.prepare('SELECT count(*) AS n FROM announcements'));
  if (counted !== undefined && counted.n < limit) return true;
  const dropped = store
    .prepare(
      `DELETE FROM announcements WHERE provider_id = (
         SELECT provider_id FROM announcements WHERE expires_at < ? AND provider_id NOT IN
           (SELECT provider_id FROM replies WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting'))
         ORDER BY expires_at LIMIT 1)`,
    )
    .run(nowMs - CLOCK_TOLERANCE_MS).changes;
  return dropped > 0;
}

export interface CandidateQuery {
  readonly modelRoot: Uint8Array;
  /** The provider under audit. */
  readonly serverId: Uint8Array;
  /** Where it has handed its opening over, see hashPlace. */
  readonly openedAt?: Uint8Array | undefined;
  /**
   * Beacon of the draw. Beacon and stake decide who is left out of a list that is too long; otherwise whoever picks a small id
   * would win.
   */
  readonly salt: Uint8Array;
  /** Of a payee, atomic units; 0 where it is not known. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Tokens of prompt and reply: who announces less room is left out where half of all stake announces as much. Default: 0. */
  readonly context?: number;
  readonly nowMs: number;
}

/**
 * Certificate and host under which a provider was reached. Only a proven address counts: otherwise a provider could announce
 * the host of an honest verifier to exclude it. Loopback hosts say nothing about operators.
 */
export function hashPlace(
  crypto: Crypto,
  { endpoint, certHash }: Pick<Announcement, 'endpoint' | 'certHash'>,
): Uint8Array {
  return concatBytes(certHash, hashHost(crypto, endpoint));
}

function hashHost(crypto: Crypto, endpoint: string): Uint8Array {
  const host = endpoint.replace(/:\d+$/, '').toLowerCase();
  return isLoopbackHost(host) ? new Uint8Array(32) : crypto.sha256(utf8Encode(host));
}

/** Whether one of two verifiers' places is one of a provider's; zero is no place. */
function sharesPlace(crypto: Crypto, { verifier, ...server }: Announcement, openedAt: Uint8Array | undefined): boolean {
  if (openedAt === undefined) return false;
  const [certHash, host] = [openedAt.subarray(0, 32), openedAt.subarray(32)];
  return [server, ...(verifier ? [verifier] : [])].some((place) => {
    const own = hashHost(crypto, place.endpoint);
    return equalBytes(place.certHash, certHash) || (own.some((byte) => byte !== 0) && equalBytes(own, host));
  });
}

/** A verifier may be announced by several providers, but is only one candidate. */
function isFirstOfKey(): (candidate: { readonly keyHash: Uint8Array }) => boolean {
  const seen = new Set<string>();
  return ({ keyHash }) => seen.size < seen.add(toHex(keyHash)).size;
}

/**
 * While at least this many others remain, with at least half of the stake, verifiers that were silent recently are left out.
 */
const ENOUGH = 4;

/** Payees of the currently announced verifiers, to read their stake. */
export function listVerifierPayees(store: Store, nowMs: number): Uint8Array[] {
  return announcementColumns
    .all(store.prepare('SELECT announcement FROM announcements WHERE expires_at > ?'), nowMs)
    .map(({ announcement }) => announcement)
    .filter(({ verifier }) => verifier)
    .map(({ payee }) => payee);
}

/**
 * Tokens of prompt and reply, as the provider says. A text has no more tokens than bytes, apart from those that its template
 * adds. So a provider cannot exclude verifiers with less room by overstating a short prompt.
 */
export function countContext(header: CommonHeader, request: Uint8Array | undefined): number {
  const context = findModality(header.endpoint).countContext(header);
  return Math.min(context, (request?.length ?? context) + header.outputTokenCount);
}

/**
 * The verifiers that are currently announced for a model, each key once, ascending by provider id, with the chances that the
 * payee's stake gives. Key, place and payee must differ from those of the provider under audit. Ejected providers and excluded
 * verifiers are left out, and all verifiers of an excluded payee. By the silence that logs hold against a payee its stake weighs less,
 * and its verifiers are left out as those that were silent here.
 */
export function listCandidates(
  store: Store,
  crypto: Crypto,
  { modelRoot, serverId, openedAt, salt, context = 0, nowMs, ...query }: CandidateQuery,
): EvidenceCandidate[] {
  const silent = listSilentPayees(store, nowMs);
  const stakeOf = (payee: Uint8Array): bigint => lowerStake(query.stakeOf(payee), silent.get(toHex(payee)) ?? 0);
  const server = readAnnouncement(store, serverId);
  const offerOf = ({ models }: Announcement) => models.find((model) => equalBytes(model.modelRoot, modelRoot));
  const able = announcementColumns
    .all(
      store.prepare(
        `SELECT announcement FROM announcements WHERE expires_at > ?
         AND provider_id NOT IN (SELECT provider_id FROM providers WHERE ejected = 1)
         AND provider_id NOT IN (SELECT verifier_id FROM verifiers WHERE excluded = 1) ORDER BY provider_id`,
      ),
      nowMs,
    )
    .map(({ announcement }) => announcement)
    .filter((announcement) => announcement.verifier && offerOf(announcement))
    .filter((announcement) => !sharesPlace(crypto, announcement, openedAt))
    // Compare with the current announcement, since the payee may have changed since the order.
    .filter(({ payee }) => server === undefined || !equalBytes(payee, server.payee))
    .filter(({ providerId }) => !equalBytes(providerId, serverId))
    // A fresh key of a payee whose verifiers lied is no fresh start.
    .filter(({ payee }) => !readVerifier(store, payee).test.ejected)
    .filter(({ verifier }) => !(verifier && server?.verifier && equalBytes(verifier.keyHash, server.verifier.keyHash)));
  const roomy = able.filter((announcement) => (offerOf(announcement)?.contextSize ?? 0) >= context);
  // Room is announced for nothing. So only a majority of the stake may replace those that announce less: these score what fits.
  const isRoomBelieved = sumStakes(roomy, stakeOf) > 0n && 2n * sumStakes(roomy, stakeOf) >= sumStakes(able, stakeOf);
  const all = (isRoomBelieved ? roomy : able)
    .map((announcement) => ({
      providerId: announcement.providerId,
      payee: announcement.payee,
      keyHash: announcement.verifier?.keyHash as Uint8Array,
      // One payee counts as one operator.
      operator: crypto.sha256(announcement.payee),
      numericClass: offerOf(announcement)?.numericClass ?? '',
      contextSize: offerOf(announcement)?.contextSize ?? 0,
    }))
    .filter(isFirstOfKey());
  const present = all
    .filter(({ providerId }) => readVerifier(store, providerId).deferredUntilMs <= nowMs)
    .filter(({ payee }) => !silent.has(toHex(payee)));
  // Identities without stake are free. However many there are, they must not replace verifiers that somebody has made silent.
  const isEnough = present.length >= ENOUGH && 2n * sumStakes(present, stakeOf) >= sumStakes(all, stakeOf);
  return keepByStake(crypto, isEnough ? present : all, { salt, limit: MAX_CANDIDATES, stakeOf });
}

/** The sum of stakes, each payee's once. */
function sumStakes(
  candidates: readonly { readonly payee: Uint8Array }[],
  stakeOf: (payee: Uint8Array) => bigint,
): bigint {
  const payees = new Map(candidates.map(({ payee }) => [toHex(payee), payee]));
  return [...payees.values()].reduce((sum, payee) => sum + stakeOf(payee), 0n);
}
