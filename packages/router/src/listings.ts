import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Announcement } from '@ogong/protocol/exchange/announcement';
import { HELD_PREFIX_BYTES } from '@ogong/protocol/exchange/held-supply';
import { createEvictedListings } from './evicted-listings.ts';

/** Most providers of one payee among those from other routers. */
const MAX_HANDED_OF_PAYEE = 64;

/** The listed providers, the router that each is known from, and the ended links. */
export interface Listings {
  /** Lists the announcements that have not expired. */
  current(): Generator<Announcement>;
  /** Finds the announcement of a provider, if it has not expired. */
  find(providerId: Uint8Array): Announcement | undefined;
  /** Lists the provider that announced itself here under a certificate: one, or none. */
  listUnder(certHash: Uint8Array): Announcement[];
  isGone(providerId: Uint8Array): boolean;
  isHanded(providerId: Uint8Array): boolean;
  /** Whether the router that handed it on reports that it has gone. */
  isCalledGone(providerId: Uint8Array): boolean;
  /** @throws Refusal if a provider may not announce this itself. */
  assertNewer(announcement: Announcement): void;
  /**
   * Whether it is a newer announcement of a provider without a link to this router, and there is a place for it.
   * @param from the router that hands it on.
   */
  isWanted(announcement: Announcement, from: string): boolean;
  /** @param from the router that handed it on; undefined if the provider announced itself. */
  put(announcement: Announcement, from?: string): void;
  suspend(certHash: Uint8Array): void;
  suspendHanded(prefixes: ReadonlySet<string>, from: string): void;
  sweep(beforeMs: number): void;
}

export function createListings(maxProviders: number, clock: Pick<Clock, 'nowMs'>): Listings {
  const listed = new Map<string, Announcement>();
  /** Ids of listed providers by the certificate that they name, to find others that name the same one. */
  const underCertificate = new Map<string, Set<string>>();
  /** Providers whose link ended, by id. */
  const gone = new Set<string>();
  /** Providers known from another router, with that router. They are not kept over a restart. */
  const handed = new Map<string, string>();
  /** Those that have gone, with the router that reports it. */
  const calledGone = new Map<string, string>();
  /** Routers that reported a provider gone while another router still had it, by its id. Their reports about it are ignored. */
  const doubted = new Map<string, Set<string>>();
  const evicted = createEvictedListings(maxProviders);

  function* current(): Generator<Announcement> {
    const nowMs = clock.nowMs();
    for (const announcement of listed.values()) if (announcement.expiresAtMs > nowMs) yield announcement;
  }

  /** Lists other providers under the same certificate. */
  function* listOthers({ providerId, certHash }: Announcement): Generator<Announcement> {
    const own = toHex(providerId);
    const nowMs = clock.nowMs();
    for (const name of underCertificate.get(toHex(certHash)) ?? []) {
      const other = listed.get(name);
      if (name !== own && other !== undefined && other.expiresAtMs > nowMs) yield other;
    }
  }

  /** A provider that is listed already keeps its place. */
  function list(name: string, announcement: Announcement): void {
    leaveCertificate(name);
    const { doubted: doubts } = evicted.find(name) ?? {};
    if (doubts) doubted.set(name, doubts);
    evicted.delete(name);
    listed.set(name, announcement);
    const certificate = toHex(announcement.certHash);
    underCertificate.set(certificate, (underCertificate.get(certificate) ?? new Set()).add(name));
  }

  function leaveCertificate(name: string): void {
    const before = listed.get(name);
    if (before === undefined) return;
    const certificate = toHex(before.certHash);
    const names = underCertificate.get(certificate);
    names?.delete(name);
    if (names?.size === 0) underCertificate.delete(certificate);
  }

  const isHanded = (providerId: Uint8Array): boolean => handed.has(toHex(providerId));

  /** Announcements from other routers give way to a provider that announces itself here. */
  function makeRoom(announcement: Announcement): void {
    for (const other of listOthers(announcement)) if (isHanded(other.providerId)) evict(other.providerId);
    const [first] = handed.keys();
    if (first !== undefined && isNewAndFull(announcement)) evict(fromHex(first));
  }

  const isNewAndFull = ({ providerId }: Announcement): boolean =>
    listed.size >= maxProviders && !listed.has(toHex(providerId));

  /** Another router has the provider that the first one reported gone. */
  function doubtWord(name: string, from: string): void {
    const teller = calledGone.get(name);
    if (teller !== undefined && teller !== from) doubted.set(name, (doubted.get(name) ?? new Set()).add(teller));
  }

  function forget(providerId: Uint8Array): void {
    const name = toHex(providerId);
    leaveCertificate(name);
    listed.delete(name);
    handed.delete(name);
    gone.delete(name);
    calledGone.delete(name);
    doubted.delete(name);
  }

  function evict(providerId: Uint8Array): void {
    const name = toHex(providerId);
    const [before, doubts] = [listed.get(name), doubted.get(name)];
    forget(providerId);
    if (before !== undefined) evicted.put(name, before, doubts);
  }

  return {
    ...{ current, isHanded },
    find(providerId) {
      const announcement = listed.get(toHex(providerId));
      return announcement && announcement.expiresAtMs > clock.nowMs() ? announcement : undefined;
    },
    isCalledGone: (providerId) => calledGone.has(toHex(providerId)),
    listUnder(certHash) {
      const nowMs = clock.nowMs();
      const names = [...(underCertificate.get(toHex(certHash)) ?? [])];
      return names.flatMap((name) => {
        const listing = listed.get(name);
        return listing && listing.expiresAtMs > nowMs && !handed.has(name) ? [listing] : [];
      });
    },
    isGone: (providerId) => gone.has(toHex(providerId)),
    assertNewer(announcement) {
      const { providerId, sequence } = announcement;
      const own = listed.get(toHex(providerId));
      const previous = own ?? evicted.find(toHex(providerId));
      // Another router hands on the same announcement, not an older one.
      const isHeardHere = own !== undefined && !isHanded(providerId);
      const isPast = previous && (isHeardHere ? sequence <= previous.sequence : sequence < previous.sequence);
      if (isPast) throw new Refusal('conflict', `sequence ${sequence} does not follow ${previous.sequence}`);
      // One listing per link certificate: identities are free, and many without weight would still fill the list. A provider on a
      // link of its own has shown its certificate's key. An announcement from another router only names the certificate.
      for (const other of listOthers(announcement)) {
        if (isHanded(other.providerId)) continue;
        throw new Refusal(
          'conflict',
          'another provider is listed under this certificate until its announcement expires',
        );
      }
      if (!own && listed.size >= maxProviders && handed.size === 0) {
        throw new Refusal(
          'unavailable',
          `this router lists ${maxProviders} providers already; announce to another one`,
        );
      }
    },
    isWanted(announcement, from) {
      const { providerId, payee, sequence, expiresAtMs } = announcement;
      const name = toHex(providerId);
      const previous = listed.get(name);
      const isHeard = previous !== undefined && !handed.has(name) && !gone.has(name);
      const isBack = calledGone.has(name) && calledGone.get(name) !== from && sequence === previous?.sequence;
      const isNews = previous
        ? sequence > previous.sequence || isBack
        : sequence >= (evicted.find(name)?.sequence ?? 0n);
      if (isHeard || !isNews || expiresAtMs <= clock.nowMs()) return false;
      if (isNewAndFull(announcement) && findCrowding(handed, from) === undefined) return false;
      // Only a provider on its own link has shown the certificate's key. Among forwarded announcements any number may name it.
      for (const other of listOthers(announcement)) if (!isHanded(other.providerId)) return false;
      const ofPayee = [...current()].filter(
        (other) =>
          isHanded(other.providerId) && equalBytes(other.payee, payee) && !equalBytes(other.providerId, providerId),
      );
      return ofPayee.length < MAX_HANDED_OF_PAYEE;
    },
    put(announcement, from) {
      const name = toHex(announcement.providerId);
      if (from === undefined) makeRoom(announcement);
      else {
        if (announcement.sequence === listed.get(name)?.sequence) doubtWord(name, from);
        const crowding = isNewAndFull(announcement) ? findCrowding(handed, from) : undefined;
        if (crowding !== undefined) evict(fromHex(crowding));
      }
      list(name, announcement);
      gone.delete(name);
      calledGone.delete(name);
      if (from === undefined) handed.delete(name);
      else handed.set(name, from);
    },
    suspend(certHash) {
      for (const [name, listing] of listed) {
        if (equalBytes(listing.certHash, certHash) && !handed.has(name)) gone.add(name);
      }
    },
    suspendHanded(prefixes, from) {
      for (const [name, router] of handed) {
        if (router !== from || doubted.get(name)?.has(from)) continue;
        if (!prefixes.has(name.slice(0, 2 * HELD_PREFIX_BYTES))) continue;
        gone.add(name);
        calledGone.set(name, from);
      }
    },
    sweep(beforeMs) {
      for (const { providerId, expiresAtMs } of listed.values()) if (expiresAtMs < beforeMs) forget(providerId);
      evicted.sweep(beforeMs);
    },
  };
}

/**
 * Finds the oldest announcement from the router that handed on the most, if it has more than a fair share. The limit exists
 * because invented keys are free.
 */
function findCrowding(handed: ReadonlyMap<string, string>, from: string): string | undefined {
  const counts = new Map<string, number>();
  for (const router of handed.values()) counts.set(router, (counts.get(router) ?? 0) + 1);
  const [most, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0] as const);
  if (count <= (counts.get(from) ?? 0) + 1) return undefined;
  return [...handed].find(([, router]) => router === most)?.[0];
}
