import { type Announcement, parseAnnouncement } from '@ogong/protocol/announcement';
import { compareBytes, equalBytes, toHex } from '@ogong/protocol/bytes';
import type { Crypto } from '@ogong/protocol/crypto';
import type { Store } from '../../store/store.ts';
import { type EvidenceCandidate, MAX_CANDIDATES } from './evidence.ts';

/** Announcements whose signature was checked when they came in. */
export function readAnnouncement(store: Store, providerId: Uint8Array): Announcement | undefined {
  const row = store.prepare('SELECT announcement FROM announcements WHERE provider_id = ?').get(providerId);
  return row && parseAnnouncement(row.announcement as Uint8Array);
}

export function putAnnouncement(store: Store, announcement: Announcement, bytes: Uint8Array, nowMs: number): void {
  store
    .prepare(
      `INSERT INTO announcements (provider_id, sequence, expires_at, announcement) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET sequence = excluded.sequence, expires_at = excluded.expires_at,
       announcement = excluded.announcement`,
    )
    .run(announcement.providerId, announcement.sequence.toString(), announcement.expiresAtMs, bytes);
  // Kept a day past expiry: an audit has to find a provider that has just stopped announcing.
  store.prepare('DELETE FROM announcements WHERE expires_at < ?').run(nowMs - 86_400_000);
}

export interface CandidateQuery {
  readonly modelRoot: Uint8Array;
  /** The provider under audit: whoever shares its verifier is no second opinion. */
  readonly serverId: Uint8Array;
  /** Beacon of the draw: it, and not who was first to pick a small id, decides who is left out of too long a list. */
  readonly salt: Uint8Array;
  readonly nowMs: number;
}

/** Whoever says now that it verifies a model, ascending by provider id, each key once; ejected ones are not asked. */
export function listCandidates(
  store: Store,
  crypto: Crypto,
  { modelRoot, serverId, salt, nowMs }: CandidateQuery,
): EvidenceCandidate[] {
  const own = readAnnouncement(store, serverId)?.verifier?.keyHash;
  const keys = new Set(own ? [toHex(own)] : []);
  const candidates = store
    .prepare(
      `SELECT announcement FROM announcements WHERE expires_at > ?
       AND provider_id NOT IN (SELECT provider_id FROM providers WHERE ejected = 1) ORDER BY provider_id`,
    )
    .all(nowMs)
    .map((row) => parseAnnouncement(row.announcement as Uint8Array))
    .filter(({ verifier, models }) => verifier && models.some((model) => equalBytes(model.modelRoot, modelRoot)))
    .map(({ providerId, payee, verifier }) => ({ providerId, payee, keyHash: verifier?.keyHash as Uint8Array }))
    .filter(({ keyHash }) => !keys.has(toHex(keyHash)) && keys.add(toHex(keyHash)));
  if (candidates.length <= MAX_CANDIDATES) return candidates;
  return candidates
    .map((candidate) => ({ candidate, rank: crypto.sha256(salt, candidate.providerId) }))
    .sort((a, b) => compareBytes(a.rank, b.rank))
    .slice(0, MAX_CANDIDATES)
    .map(({ candidate }) => candidate)
    .sort((a, b) => compareBytes(a.providerId, b.providerId));
}
