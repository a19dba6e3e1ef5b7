import { Refusal } from '@ogong/host/link/link-error';
import { parseOwnAnnouncement } from '@ogong/host/link/own-announcement';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { findWeightsProblem, type ModelRoots } from '@ogong/host/views/model-roots';
import type { NewcomerAdmission } from '@ogong/host/views/newcomer-admission';
import type { AnnouncedVerifier } from '@ogong/protocol/audit/verifier-room';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Announcement,
  type OfferedModel,
  parseAnnouncement,
  type SignedAnnouncement,
  verifyAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { findHeldOffer, type ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { CLOCK_TOLERANCE_MS } from '@ogong/protocol/exchange/limits';
import { type Offer, parseModelId } from '@ogong/protocol/exchange/match';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { computeSpanAround } from '@ogong/protocol/exchange/order-span';
import { computeReputationPpm, PPM } from '@ogong/protocol/exchange/reputation';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import { boundByMembers, createMemberReader, type MemberListing } from './cohort-supply.ts';
import type { Figures } from './figures.ts';
import type { HoldingsView, KeyAccount } from './holdings-view.ts';
import { createListings } from './listings.ts';
import type { Liveness } from './liveness-reader.ts';
import type { MachineStanding } from './machine-standing.ts';
import type { OfferKey, Outstanding } from './outstanding.ts';
import type { Refusals } from './refusals.ts';
import {
  forgetAnnouncements,
  forgetHistory,
  loadAnnouncement,
  loadAnnouncements,
  loadHistory,
  saveAnnouncement,
} from './router-store.ts';

export interface SupplyOptions {
  /** Providers listed at most. Default: 4,096, the longest list that a match can draw from. */
  readonly maxProviders?: number;
  /**
   * Published weights. Other weights under a published name, and unpublished names, are not listed. Default: providers are
   * believed.
   */
  readonly modelRoots?: ModelRoots;
}

export interface SupplyDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Domain that payees sign for. */
  readonly ledger: LedgerDomain;
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly outstanding: Outstanding;
  readonly refusals: Pick<Refusals, 'believe' | 'mayTry' | 'sweep'>;
  readonly stakeOf: (payee: Uint8Array) => bigint;
  readonly held: HoldingsView;
  readonly liveness: Pick<Liveness, 'of'>;
  readonly figures: Pick<Figures, 'of'>;
  readonly letIn: NewcomerAdmission;
  readonly machines: Pick<MachineStanding, 'mayServe'>;
}

export interface ListedOffer extends Offer {
  readonly announcement: Announcement;
  readonly model: OfferedModel;
  /** Share of answered tests by validators. It is part of the reputation already. */
  readonly livenessPpm: number;
  /** Layers of a cohort's offer that no member serves now, in words. Such an offer has no free capacity. */
  readonly gap?: string;
}

/** A provider that announced itself over its own link. */
export interface OwnListing {
  readonly providerId: Uint8Array;
  readonly sequence: bigint;
  /** Whether its link has ended. */
  readonly isGone: boolean;
  readonly segments: Announcement['segments'];
  /** @returns undefined if it has just gone. */
  readonly read: () => SignedAnnouncement | undefined;
}

/** The current offers, from the providers' own signed announcements. */
export interface Supply {
  /** @param caller peer id of the sender. @throws Refusal */
  announce(signed: SignedAnnouncement, caller: Uint8Array): Promise<Announcement>;
  /**
   * Offers that have not expired, the busy ones included; one offer per provider and model.
   * @param group address of the caller, see Outstanding.countFor. Default: all held slots count.
   */
  offers(modelId?: string, group?: string): ListedOffer[];
  /**
   * Lists the same offers for a trial, see Refusals. Each announced slot counts if the caller may try the offer, and none otherwise.
   */
  trials(modelId: string, group: string): ListedOffer[];
  /** Lists the verifiers that have announced themselves for a model, or for a part of it. */
  verifiersOf(modelRoot: Uint8Array, segment?: ListedSegment): AnnouncedVerifier[];
  /** Looks up the weights of listed models again. */
  refreshWeights(): Promise<void>;
  /**
   * The provider under this certificate is gone. It has nothing free until it announces itself again, and stays listed until its
   * announcement expires.
   */
  suspend(certHash: Uint8Array): void;
  /**
   * Accepts an announcement from another router. A provider with a link to this router only counts by its own announcements.
   * @throws Refusal
   */
  takeHanded(signed: SignedAnnouncement, from: string): Promise<boolean>;
  /** Announcements of these providers from a router offer nothing, until they are handed on again. @param from that router. */
  suspendHanded(prefixes: ReadonlySet<string>, from: string): void;
  /** Lists providers that announced themselves here, with the state of their links. */
  own(): OwnListing[];
  /**
   * Lists every known provider, so that others send the missing ones. A provider that was reported gone is included if another
   * router still has it.
   */
  listHeld(): { readonly providerId: Uint8Array; readonly sequence: bigint }[];
  payees(): Uint8Array[];
  accounts(): KeyAccount[];
  /** Providers that offer a confidential tier. */
  attested(): Uint8Array[];
  /** Whether a provider that announced itself here is listed under the certificate. */
  isListed(certHash: Uint8Array): boolean;
  /** Whether a provider with stake is listed under the certificate. */
  isStaked(certHash: Uint8Array): boolean;
  size(): number;
  sweep(): Promise<void>;
}

const NOTHING = new Uint8Array(0);

/** Reads the standing: the key's holdings as far as audits accepted them, or the audit results if the network holds nothing. */
function readStanding(
  { providerId, payee }: Announcement,
  {
    nowMs,
    store,
    holdings,
    liveness,
    stakeOf,
  }: Pick<SupplyDependencies, 'store' | 'liveness' | 'stakeOf'> & {
    readonly nowMs: number;
    readonly holdings: HoldingsView;
  },
) {
  const history = loadHistory(store, providerId, holdings.firstPeriod(nowMs));
  const isHeld = holdings.entrance() > 0n;
  const { auditedAtomic } = history;
  const held = holdings.heldOf({ providerId, payee }) ?? (isHeld ? 0n : auditedAtomic);
  // Earnings without an audit do not count.
  const heldAtomic = held < auditedAtomic ? held : auditedAtomic;
  const earnedPpm = computeReputationPpm({ ...history, heldAtomic }, holdings.entrance());
  const livenessPpm = liveness.of(providerId);
  return {
    stakeAtomic: stakeOf(payee),
    heldAtomic: holdings.heldOf({ providerId, payee }) ?? 0n,
    livenessPpm,
    reputationPpm: Math.floor((earnedPpm * livenessPpm) / PPM),
    boundAtomic: holdings.boundOf({ providerId, payee }),
  };
}

/**
 * Stores proofs of work of listed keys, to be handed on with their announcements. After a restart each comes again with the next
 * announcement.
 */
function createWorks() {
  const works = new Map<string, Uint8Array>();
  return {
    of: (providerId: Uint8Array) => works.get(toHex(providerId)),
    note({ newcomerWork = NOTHING }: SignedAnnouncement, providerId: Uint8Array): void {
      if (newcomerWork.length > 0) works.set(toHex(providerId), newcomerWork);
      else works.delete(toHex(providerId));
    },
    keep(listed: ReadonlySet<string>): void {
      for (const name of works.keys()) if (!listed.has(name)) works.delete(name);
    },
  };
}

/** A router that hands on an announcement may know another newest epoch than this one. */
async function isLetIn(
  letIn: NewcomerAdmission,
  signed: SignedAnnouncement,
  announcement: Announcement,
): Promise<boolean> {
  try {
    await letIn(announcement, signed.newcomerWork ?? NOTHING);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** @throws Refusal */
function readVerified(
  crypto: Crypto,
  signed: SignedAnnouncement,
  context: { readonly ledger: LedgerDomain; readonly nowMs: number },
): Announcement {
  const { ok, checks, announcement } = verifyAnnouncement(crypto, signed, context);
  if (ok && announcement) return announcement;
  const failed = checks.find(({ status }) => status === 'fail');
  throw new Refusal('invalid', `the announcement is invalid: ${failed?.id}: ${failed?.detail}`);
}

export function createSupply(options: SupplyOptions, dependencies: SupplyDependencies): Supply {
  const { maxProviders = 4096, modelRoots } = options;
  const {
    crypto,
    clock,
    ledger,
    store,
    commits,
    outstanding,
    refusals,
    stakeOf,
    held: holdings,
    liveness,
    figures,
    letIn,
    machines,
  } = dependencies;
  const listings = createListings(maxProviders, clock);
  const { current, isHanded } = listings;
  for (const signed of loadAnnouncements(store)) {
    const { ok, announcement } = verifyAnnouncement(crypto, signed, { ledger, nowMs: clock.nowMs() });
    if (ok && announcement) listings.put(announcement);
  }

  const works = createWorks();

  const findProblem = (model: Pick<OfferedModel, 'modelId' | 'modelRoot'>): string | undefined =>
    findWeightsProblem(modelRoots, model, computeSpanAround(clock.nowMs()));
  const isPublished = (model: OfferedModel): boolean => findProblem(model) === undefined;

  /** Refuses an announcement without any model or segment that can be listed, so that its provider learns the reason. */
  async function assertSold({ models, segments }: Announcement): Promise<void> {
    const offered = [...models, ...segments];
    await modelRoots?.prepare(offered.map(({ modelId }) => modelId));
    const problems = offered.map(findProblem);
    if (problems.length === 0 || problems.includes(undefined)) return;
    throw new Refusal('invalid', `the announcement offers nothing that may be sold: ${problems.join('; ')}`);
  }

  const verify = (signed: SignedAnnouncement): Announcement =>
    readVerified(crypto, signed, { ledger, nowMs: clock.nowMs() });

  const describeStanding = (announcement: Announcement, nowMs: number) =>
    readStanding(announcement, { nowMs, store, holdings, liveness, stakeOf });

  const readMember = (providerId: Uint8Array, nowMs: number): MemberListing | undefined => {
    const announcement = listings.find(providerId);
    if (announcement === undefined) return undefined;
    const isGone = listings.isGone(providerId);
    return { ...describeStanding(announcement, nowMs), segments: announcement.segments, isGone };
  };

  /** @param believe slots of an offer in which this router believes. */
  function listOffers(
    { modelId, group }: { readonly modelId?: string | undefined; readonly group?: string | undefined },
    believe: (offer: OfferKey & { readonly capacity: number }, nowMs: number) => number,
  ): ListedOffer[] {
    const nowMs = clock.nowMs();
    const offers: ListedOffer[] = [];
    const findMember = createMemberReader((providerId) => readMember(providerId, nowMs));
    for (const announcement of current()) {
      const { providerId, payee, expiresAtMs } = announcement;
      const wanted = announcement.models.filter((model) => modelId === undefined || model.modelId === modelId);
      if (wanted.length === 0) continue;
      const shared = {
        announcement,
        providerId,
        payee,
        ...describeStanding(announcement, nowMs),
        expiresAtMs,
      };
      // Only confidential tiers depend on a machine.
      const mayServe = ({ modelId: id }: OfferedModel): boolean =>
        !isAttestedTier(parseModelId(id).tier) || machines.mayServe(providerId);
      for (const model of wanted.filter(isPublished).filter(mayServe)) {
        const { modelId: id, pricePer1kAtomic, contextSize, capacity } = model;
        const key = { providerId, modelId: id, capacity };
        const held = group === undefined ? outstanding.count(key, nowMs) : outstanding.countFor(group, key, nowMs);
        const free = listings.isGone(providerId) ? 0 : Math.min(model.freeCapacity, believe(key, nowMs) - held);
        const freeCapacity = Math.max(0, free);
        const measured = { figures: figures.of(key, nowMs), freeCapacity };
        const { cohort } = model;
        const bounds = cohort && boundByMembers({ model: { ...model, cohort }, freeCapacity, held }, findMember);
        offers.push({ ...shared, ...measured, ...bounds, model, modelId: id, pricePer1kAtomic, contextSize });
      }
    }
    return offers;
  }

  return {
    async announce(signed, caller) {
      // Check before its signatures, and again before it is stored: of two concurrent announcements, the later one must win.
      listings.assertNewer(parseOwnAnnouncement(signed.announcement, caller));
      const announcement = verify(signed);
      await letIn(announcement, signed.newcomerWork ?? NOTHING);
      await assertSold(announcement);
      const { providerId, expiresAtMs } = announcement;
      listings.assertNewer(announcement);
      listings.put(announcement);
      works.note(signed, providerId);
      await commits.write((to) => saveAnnouncement(to, { providerId, signed, expiresAtMs }));
      return announcement;
    },
    async takeHanded(signed, from) {
      // Check the cheap reasons before its signatures.
      if (!listings.isWanted(parseAnnouncement(signed.announcement), from)) return false;
      const announcement = verify(signed);
      await modelRoots?.prepare(announcement.models.map(({ modelId }) => modelId));
      // Check again at the end: the provider may have announced itself meanwhile.
      if (!(await isLetIn(letIn, signed, announcement)) || !listings.isWanted(announcement, from)) return false;
      listings.put(announcement, from);
      works.note(signed, announcement.providerId);
      return true;
    },
    suspendHanded: listings.suspendHanded,
    own: () =>
      [...current()]
        .filter(({ providerId }) => !isHanded(providerId))
        .map(({ providerId, sequence, segments }) => ({
          ...{ providerId, sequence, segments, isGone: listings.isGone(providerId) },
          read: () => {
            const signed = loadAnnouncement(store, providerId);
            const newcomerWork = works.of(providerId);
            return signed && { ...signed, ...(newcomerWork && { newcomerWork }) };
          },
        })),
    listHeld: () =>
      [...current()]
        .filter(({ providerId }) => !listings.isCalledGone(providerId))
        .map(({ providerId, sequence }) => ({ providerId, sequence })),
    offers: (modelId, group) => listOffers({ modelId, group }, (offer, nowMs) => refusals.believe(offer, group, nowMs)),
    trials: (modelId, group) =>
      listOffers({ modelId, group }, (offer, nowMs) => (refusals.mayTry(offer, group, nowMs) ? offer.capacity : 0)),
    verifiersOf(modelRoot, segment) {
      return [...current()].flatMap(({ verifier, payee, models, segments, expiresAtMs }) => {
        const model = findHeldOffer({ models, segments }, modelRoot, segment);
        if (verifier === undefined || model === undefined || expiresAtMs <= clock.nowMs()) return [];
        return [{ payee, contextSize: model.contextSize, stake: stakeOf(payee) }];
      });
    },
    async refreshWeights() {
      const ids = [...current()].flatMap(({ models, segments }) =>
        [...models, ...segments].map(({ modelId }) => modelId),
      );
      await modelRoots?.prepare([...new Set(ids)]);
    },
    suspend: listings.suspend,
    payees: () => [...current()].map(({ payee }) => payee),
    accounts: () => [...current()].map(({ providerId, payee }) => ({ providerId, payee })),
    attested: () =>
      [...current()]
        .filter(({ models }) => models.some(({ modelId }) => isAttestedTier(parseModelId(modelId).tier)))
        .map(({ providerId }) => providerId),
    isListed: (certHash) => listings.listUnder(certHash).length > 0,
    isStaked: (certHash) => listings.listUnder(certHash).some(({ payee }) => stakeOf(payee) > 0n),
    size: () => [...current()].length,
    async sweep() {
      // An announcement is kept as long as it could be accepted again, so that its sequence is known.
      const beforeMs = clock.nowMs() - CLOCK_TOLERANCE_MS;
      listings.sweep(beforeMs);
      works.keep(new Set([...current()].map(({ providerId }) => toHex(providerId))));
      refusals.sweep(clock.nowMs());
      await commits.write((to) => {
        forgetAnnouncements(to, beforeMs);
        forgetHistory(to, holdings.firstPeriod(clock.nowMs()));
      });
    },
  };
}
