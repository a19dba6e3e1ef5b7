import { amount, columns, integer, named, text } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { concatBytes, equalBytes, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { parseRoutes } from '@ogong/protocol/exchange/routes';
import { keepByStake } from '@ogong/protocol/exchange/stake-weights';
import { findClass } from '@ogong/protocol/exchange/verifier-endorsement';
import { findModality } from '@ogong/protocol/modality/registry';
import { lowerStake } from '@ogong/protocol/settlement/silence-count';
import { type EvidenceCandidate, MAX_LISTED_VERIFIERS } from '@ogong/protocol/verdict/evidence';
import { readAnnouncement, readHeld, readWord } from './announcement-store.ts';
import { listSilentPayees } from './sequential-store.ts';
import { listExcluded, readVerifier } from './verifier-store.ts';

const heldColumns = columns({ name: text, sequence: text, sinceMs: named('since', integer), stake: amount });

interface AbleQuery {
  readonly modelRoot: Uint8Array;
  /** The provider under audit. */
  readonly serverId: Uint8Array;
  /** Where it has handed its opening over, see hashPlace. */
  readonly openedAt?: Uint8Array | undefined;
  /** Those whose announcement lasts longer. */
  readonly nowMs: number;
}

/** What the network asks of verifiers' payees, atomic units: now, and the least and the greatest within the last seven days. */
export interface AskedStakes {
  readonly now: bigint;
  readonly least: bigint;
  readonly greatest: bigint;
}

export const noStakes: AskedStakes = { now: 0n, least: 0n, greatest: 0n };

export interface CandidateQuery extends AbleQuery {
  /**
   * Beacon of the draw. Beacon and stake decide who is left out of a list that is too long; otherwise whoever picks a small id
   * would win.
   */
  readonly salt: Uint8Array;
  /** Of a payee, atomic units; 0 where it is not known. */
  readonly stakeOf: (payee: Uint8Array) => bigint;
  /** Whose payee has less is not listed, atomic units. Default: 0. */
  readonly leastStake?: bigint;
  /** Tokens of prompt and reply: who announces less room is left out where three quarters of all stake announce as much. Default: 0. */
  readonly context?: number;
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

/** Many nodes share a relay, which says nothing about operators either; a punched route names no host. */
function hashHost(crypto: Crypto, endpoint: string): Uint8Array {
  const [best] = parseRoutes(endpoint);
  const host = best?.at.replace(/:\d+$/, '').toLowerCase();
  if (host === undefined || best?.kind !== 'direct' || isLoopbackHost(host)) return NO_HOST;
  return crypto.sha256(utf8Encode(host));
}

interface Derived {
  /** Of the provider itself, and of its verifier. */
  readonly places: readonly { readonly certHash: Uint8Array; readonly host: Uint8Array }[];
  readonly operator: Uint8Array;
  /** Hex. */
  readonly payeeName: string;
}

/** What follows from an announcement, for as long as it is held parsed. */
const derivedOf = new WeakMap<Announcement, Derived>();

function derive(crypto: Crypto, announcement: Announcement): Derived {
  const known = derivedOf.get(announcement);
  if (known !== undefined) return known;
  const { payee, verifier } = announcement;
  const places = [announcement, ...(verifier ? [verifier] : [])].map(({ endpoint, certHash }) => ({
    certHash,
    host: hashHost(crypto, endpoint),
  }));
  // One payee counts as one operator.
  const derived = { places, operator: crypto.sha256(payee), payeeName: toHex(payee) };
  derivedOf.set(announcement, derived);
  return derived;
}

const NO_HOST = new Uint8Array(32);

/** Whether one of two verifiers' places is one of a provider's; zero is no place. */
function sharesPlace(crypto: Crypto, announcement: Announcement, openedAt: Uint8Array | undefined): boolean {
  if (openedAt === undefined) return false;
  const [certHash, host] = [openedAt.subarray(0, 32), openedAt.subarray(32)];
  const isHost = !equalBytes(host, NO_HOST);
  return derive(crypto, announcement).places.some(
    (own) => equalBytes(own.certHash, certHash) || (isHost && equalBytes(own.host, host)),
  );
}

/** A verifier may be announced by several providers, but is only one candidate. */
function isFirstOfKey(): (candidate: { readonly keyHash: Uint8Array }) => boolean {
  const seen = new Set<string>();
  return ({ keyHash }) => seen.size < seen.add(toHex(keyHash)).size;
}

/**
 * Tokens of prompt and reply, as the provider says. A text has no more tokens than bytes, apart from those that its template
 * adds. So a provider cannot exclude verifiers with less room by overstating a short prompt.
 */
export function countContext(header: CommonHeader, request: Uint8Array | undefined): number {
  const context = findModality(header.endpoint).countContext(header);
  return Math.min(context, (request?.length ?? context) + header.outputTokenCount);
}

interface AbleVerifier extends Omit<EvidenceCandidate, 'weight'> {
  /** Since when it has been held here without a gap, with at least this stake. */
  readonly sinceMs: number;
  /** Of its payee, atomic units, as it was read since then. */
  readonly stake: bigint;
}

/**
 * The verifiers that are announced for a model, each key once, ascending by provider id. Key, place and payee must differ from those of
 * the provider under audit. Ejected providers and excluded verifiers are left out, and all verifiers of an excluded payee.
 */
function listAble(
  store: Store,
  crypto: Crypto,
  { modelRoot, serverId, openedAt, nowMs }: AbleQuery,
): readonly AbleVerifier[] {
  const server = readAnnouncement(store, serverId);
  const excluded = listExcluded(store);
  const offerOf = ({ models }: Announcement) => models.find((model) => equalBytes(model.modelRoot, modelRoot));
  return (
    heldColumns
      .all(
        store.prepare(
          `SELECT lower(hex(provider_id)) AS name, sequence, since, stake FROM announcements WHERE expires_at > ?
         AND provider_id NOT IN (SELECT provider_id FROM providers WHERE ejected = 1)
         AND provider_id NOT IN (SELECT verifier_id FROM verifiers WHERE excluded = 1) ORDER BY provider_id`,
        ),
        nowMs,
      )
      .flatMap(({ name, sequence, ...row }) => {
        const held = readHeld(store, name, sequence);
        const verifierWord = held?.verifierWord && readWord(held.verifierWord);
        return held === undefined ? [] : [{ ...row, announcement: held.announcement, verifierWord }];
      })
      .filter(({ announcement }) => announcement.verifier && offerOf(announcement))
      // It has to have signed in which class it computes the model.
      .filter(({ verifierWord }) => verifierWord && findClass(verifierWord, modelRoot) !== undefined)
      .filter(({ announcement }) => !sharesPlace(crypto, announcement, openedAt))
      // Compare with the current announcement, since the payee may have changed since the order.
      .filter(({ announcement: { payee } }) => server === undefined || !equalBytes(payee, server.payee))
      .filter(({ announcement: { providerId } }) => !equalBytes(providerId, serverId))
      // A fresh key of a payee whose verifiers lied is no fresh start.
      .filter(({ announcement }) => !excluded.has(derive(crypto, announcement).payeeName))
      .filter(
        ({ announcement: { verifier } }) =>
          !(verifier && server?.verifier && equalBytes(verifier.keyHash, server.verifier.keyHash)),
      )
      .map(({ announcement, verifierWord, sinceMs, stake }) => ({
        providerId: announcement.providerId,
        payee: announcement.payee,
        keyHash: announcement.verifier?.keyHash as Uint8Array,
        operator: derive(crypto, announcement).operator,
        numericClass: (verifierWord && findClass(verifierWord, modelRoot)) ?? '',
        contextSize: offerOf(announcement)?.contextSize ?? 0,
        ...{ sinceMs, stake },
      }))
      .filter(isFirstOfKey())
  );
}

/**
 * While at least this many others remain, with at least three quarters of the stake, verifiers that were silent recently are left out.
 */
const ENOUGH = 4;

/**
 * The candidates of a draw, with the chances that the payee's stake gives. By the silence that logs hold against a payee its stake
 * weighs less, and its verifiers are left out as those that were silent here. Whoever is left out for its room or its silence, those
 * who stay have three quarters of all stake: co-signers believe no list that lacks more than half (isListLacking).
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
  // Room is announced for nothing. So only most of the stake may replace those that announce less: these score what fits.
  const all = sumStakes(roomy, stakeOf) > 0n && hasMost(roomy) ? roomy : able;
  const present = all
    .filter(({ providerId }) => readVerifier(store, providerId).deferredUntilMs <= nowMs)
    .filter(({ payee }) => !silent.has(toHex(payee)));
  // Identities without stake are free. However many there are, they must not replace verifiers that somebody has made silent.
  const isEnough = present.length >= ENOUGH && hasMost(present);
  return keepByStake(crypto, isEnough ? present : all, { salt, limit: MAX_LISTED_VERIFIERS, stakeOf });
}

export interface KnownQuery extends AbleQuery, Pick<CandidateQuery, 'salt'> {
  /** Those who have been announced since then without a gap, with the same models and at least the stake that they count with. */
  readonly sinceMs: number;
  /** Nobody of these counts, by hex address: silence lowers what their stake weighs, not for all validators at the same moment. */
  readonly uncounted: ReadonlySet<string>;
  /** Nor whose payee has less: the most that was asked for since they may have been listed. Default: 0. */
  readonly leastStake?: bigint;
}

/** Who could have been listed, by what this validator held and read itself, with the chances of that list. */
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

/** The sum of stakes, each payee's once. */
function sumStakes(
  candidates: readonly { readonly payee: Uint8Array }[],
  stakeOf: (payee: Uint8Array) => bigint,
): bigint {
  const payees = new Map(candidates.map(({ payee }) => [toHex(payee), payee]));
  return [...payees.values()].reduce((sum, payee) => sum + stakeOf(payee), 0n);
}
