import { amount, columns, integer, named, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import type { AnnouncedVerifier } from '@ogong/protocol/audit/verifier-room';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import type { ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { keepByStake } from '@ogong/protocol/exchange/stake-weights';
import { findModality } from '@ogong/protocol/modality/registry';
import { lowerStake } from '@ogong/protocol/settlement/silence-count';
import { type EvidenceCandidate, MAX_LISTED_VERIFIERS } from '@ogong/protocol/verdict/evidence';
import { findOffer, listHeld, type ModelPart, readAnnouncement, readStoredAnnouncement } from './announcement-store.ts';
import { listSilentPayees } from './sequential-store.ts';
import { listExcluded, readVerifier } from './verifier-store.ts';

const heldColumns = columns({ name: text, sequence: text, sinceMs: named('since', integer), stake: amount });

interface AbleQuery {
  readonly modelRoot: Uint8Array;
  /** Part of the model that they have to hold. Default: all of it. */
  readonly segment?: ListedSegment | undefined;
  /** The provider under audit. */
  readonly serverId: Uint8Array;
  /** The other providers of its cohort. Default: it served alone. */
  readonly cohortIds?: readonly Uint8Array[];
  /** Time until which an announcement must last. */
  readonly nowMs: number;
}

/**
 * Stake that the network requires of verifiers' payees, atomic units: the present value, and the least and the greatest
 * within the last seven days.
 */
export interface RequiredStakes {
  readonly now: bigint;
  readonly least: bigint;
  readonly greatest: bigint;
}

export const noStakes: RequiredStakes = { now: 0n, least: 0n, greatest: 0n };

export interface CandidateQuery extends AbleQuery {
  /**
   * Beacon of the draw. Beacon and stake decide which verifiers leave a list that is too long. Otherwise a small id
   * would be an advantage.
   */
  readonly salt: Uint8Array;
  /** Returns a payee's stake, atomic units, or 0 if unknown. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Least stake of a listed payee, atomic units. Default: 0. */
  readonly leastStake?: bigint;
  /**
   * Tokens of prompt and reply. Verifiers with less context are left out if three quarters of all stake announce
   * enough. Default: 0.
   */
  readonly context?: number;
}

interface Derived {
  readonly operator: Uint8Array;
  /** Hex. */
  readonly payeeName: string;
}

/** Values derived from an announcement, for as long as it is in memory. */
const derivedOf = new WeakMap<Announcement, Derived>();

function derive(crypto: Crypto, announcement: Announcement): Derived {
  const known = derivedOf.get(announcement);
  if (known !== undefined) return known;
  const { payee } = announcement;
  // One payee counts as one operator.
  const derived = { operator: crypto.sha256(payee), payeeName: toHex(payee) };
  derivedOf.set(announcement, derived);
  return derived;
}

/** Creates a filter for the first candidate of each key: several providers may announce one verifier. */
function isFirstOfKey(): (candidate: { readonly keyHash: Uint8Array }) => boolean {
  const seen = new Set<string>();
  return ({ keyHash }) => seen.size < seen.add(toHex(keyHash)).size;
}

/**
 * Counts the tokens of prompt and reply by the provider's header. A text has no more tokens than bytes, apart from
 * those of its template. So a provider cannot exclude verifiers with less context by overstating a short prompt.
 */
export function countContext(header: CommonHeader, request: Uint8Array | undefined): number {
  const context = findModality(header.endpoint).countContext(header);
  return Math.min(context, (request?.length ?? context) + header.outputTokenCount);
}

interface AbleVerifier extends Omit<EvidenceCandidate, 'weight'> {
  /** Time since which it has been announced here without a gap, with at least this stake. */
  readonly sinceMs: number;
  /** Stake of its payee, atomic units, at readings since then. */
  readonly stake: bigint;
}

/** Lists the announcements of keys that are neither ejected nor excluded, ascending by provider id. */
function listAnnounced(store: Store, nowMs: number) {
  return heldColumns
    .all(
      store.prepare(
        `SELECT lower(hex(provider_id)) AS name, sequence, since, stake FROM announcements WHERE expires_at > ?
         AND provider_id NOT IN (SELECT provider_id FROM providers WHERE ejected = 1)
         AND provider_id NOT IN (SELECT verifier_id FROM verifiers WHERE excluded = 1) ORDER BY provider_id`,
      ),
      nowMs,
    )
    .flatMap(({ name, sequence, ...row }) => {
      const held = readStoredAnnouncement(store, name, sequence);
      return held === undefined ? [] : [{ ...row, ...held }];
    });
}

/** Names a model, or a part of it. */
export const nameHeld = ({ modelRoot, segment }: Pick<ModelPart, 'modelRoot' | 'segment'>): string =>
  segment === undefined
    ? toHex(modelRoot)
    : `${toHex(modelRoot)} ${toHex(segment.manifestHash)} ${segment.firstLayer} ${segment.layers}`;

/** Lists the verifiers of all models and their parts, by name (nameHeld). @param leastStake of a verifier's payee. */
export function listVerifiersByModel(
  store: Store,
  { nowMs, leastStake }: { readonly nowMs: number; readonly leastStake: bigint },
): ReadonlyMap<string, readonly AnnouncedVerifier[]> {
  const excluded = listExcluded(store);
  const found = listAnnounced(store, nowMs)
    .filter(({ stake, announcement: { payee } }) => stake >= leastStake && !excluded.has(toHex(payee)))
    .flatMap(({ stake, ...held }) =>
      listHeld(held).flatMap((part) => {
        const offer = findOffer(held, part.modelRoot, part.segment);
        return offer ? [{ name: nameHeld(part), payee: offer.payee, contextSize: offer.contextSize, stake }] : [];
      }),
    );
  return Map.groupBy(found, ({ name }) => name);
}

/**
 * Lists the verifiers that are announced for a model or a part of it, each key once, ascending by provider id. Key and payee must
 * differ from those of the providers under audit. Ejected providers, excluded verifiers, and all verifiers of an
 * excluded payee are left out.
 */
function listAble(
  store: Store,
  crypto: Crypto,
  { modelRoot, segment, serverId, cohortIds = [], nowMs }: AbleQuery,
): readonly AbleVerifier[] {
  const serverIds = [serverId, ...cohortIds];
  // Compare with current announcements, since a payee may have changed since the order. An agreement names payees that have not signed
  // it, so a cohort could exclude honest verifiers by those names. The payee of an announcement has signed.
  const servers = serverIds.flatMap((id) => readAnnouncement(store, id) ?? []);
  const excluded = listExcluded(store);
  return (
    listAnnounced(store, nowMs)
      .filter(({ announcement: { payee } }) => !servers.some((server) => equalBytes(payee, server.payee)))
      .filter(({ announcement: { providerId } }) => !serverIds.some((id) => equalBytes(providerId, id)))
      // A new key of a payee whose verifiers lied begins with their record.
      .filter(({ announcement }) => !excluded.has(derive(crypto, announcement).payeeName))
      .filter(
        ({ announcement: { verifier } }) =>
          !servers.some(
            (server) => verifier && server.verifier && equalBytes(verifier.keyHash, server.verifier.keyHash),
          ),
      )
      .flatMap(({ announcement, verifierWord, sinceMs, stake }) => {
        // It must have signed the class in which it computes the model.
        const offer = findOffer({ announcement, verifierWord }, modelRoot, segment);
        const { providerId } = announcement;
        const { operator } = derive(crypto, announcement);
        return offer ? [{ ...offer, providerId, operator, sinceMs, stake }] : [];
      })
      .filter(isFirstOfKey())
  );
}

/**
 * Verifiers that were silent recently are left out while at least this many others remain, with at least three quarters
 * of the stake.
 */
const ENOUGH = 4;

/**
 * Lists the candidates of a draw with their chances by stake. Silence in logs lowers the weight of a payee's stake, and
 * its verifiers are left out like those that were silent here. The remaining ones have three quarters of all stake:
 * co-signers accept no list that lacks more than half (isListLacking).
 */
export function listCandidates(
  store: Store,
  crypto: Crypto,
  { salt, context = 0, stakeOf: readStake, leastStake = 0n, ...query }: CandidateQuery,
): EvidenceCandidate[] {
  const { nowMs } = query;
  const silent = listSilentPayees(store, nowMs);
  const stakeOf = (payee: Uint8Array): bigint => lowerStake(readStake(payee), silent.get(toHex(payee)) ?? 0);
  const able = listAble(store, crypto, query)
    .map(({ sinceMs: _since, stake: _stake, ...candidate }) => candidate)
    .filter(({ payee }) => readStake(payee) >= leastStake);
  const roomy = able.filter(({ contextSize }) => contextSize >= context);
  const hasMost = (some: typeof able): boolean => 4n * sumStakes(some, stakeOf) >= 3n * sumStakes(able, stakeOf);
  // Announcing more context costs nothing. So only most of the stake may replace those that announce less: these score
  // the part that fits.
  const all = sumStakes(roomy, stakeOf) > 0n && hasMost(roomy) ? roomy : able;
  const present = all
    .filter(({ providerId }) => readVerifier(store, providerId).deferredUntilMs <= nowMs)
    .filter(({ payee }) => !silent.has(toHex(payee)));
  // Identities without stake are free. Any number of them must not replace verifiers that somebody has made silent.
  const isEnough = present.length >= ENOUGH && hasMost(present);
  return keepByStake(crypto, isEnough ? present : all, { salt, limit: MAX_LISTED_VERIFIERS, stakeOf });
}

export interface KnownQuery extends AbleQuery, Pick<CandidateQuery, 'salt'> {
  /**
   * Time since which they must have been announced without a gap, with the same models and at least the counted stake.
   */
  readonly sinceMs: number;
  /**
   * Payees that do not count, by hex address: silence does not lower their stake for all validators at the same moment.
   */
  readonly uncounted: ReadonlySet<string>;
  /** Least stake of a counted payee: the highest requirement since they may have been listed. Default: 0. */
  readonly leastStake?: bigint;
}

/**
 * Lists the verifiers that could have been listed, by this validator's own announcements and readings, with the chances
 * of that list.
 */
export function listKnown(
  store: Store,
  crypto: Crypto,
  { salt, sinceMs, uncounted, leastStake = 0n, ...query }: KnownQuery,
): EvidenceCandidate[] {
  const silent = listSilentPayees(store, Math.min(sinceMs, query.nowMs));
  const held = listAble(store, crypto, query).filter(({ stake }) => stake >= leastStake);
  const stakes = new Map<string, bigint>();
  for (const { payee, stake } of held) {
    const known = stakes.get(toHex(payee)) ?? 0n;
    stakes.set(toHex(payee), stake > known ? stake : known);
  }
  const stakeOf = (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n;
  return keepByStake(crypto, held, { salt, limit: MAX_LISTED_VERIFIERS, stakeOf }).filter(
    (one) => one.sinceMs <= sinceMs && !silent.has(toHex(one.payee)) && !uncounted.has(toHex(one.payee)),
  );
}

/** Returns the sum of stakes, each payee's once. */
function sumStakes(
  candidates: readonly { readonly payee: Uint8Array }[],
  stakeOf: (payee: Uint8Array) => bigint,
): bigint {
  const payees = new Map(candidates.map(({ payee }) => [toHex(payee), payee]));
  return [...payees.values()].reduce((sum, payee) => sum + stakeOf(payee), 0n);
}
