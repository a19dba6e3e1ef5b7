import { setImmediate as nextTurn } from 'node:timers/promises';
import { Refusal } from '@ogong/host/link/link-error';
import type { KnownPeer } from '@ogong/host/link/peer-values';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import {
  type Announcement,
  readHandedAnnouncement,
  type SignedAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import { encodeHeld, HELD_BYTES, HELD_PREFIX_BYTES, toPrefix } from '@ogong/protocol/exchange/held-supply';
import { type HandSupplyRequest, RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { RouterState } from './router-state.ts';

/**
 * Routers hand announcements on to each other, so that a provider that knows one is found through all (docs/spec/match.md,
 * "Supply that is handed on"). An announcement has the signatures of provider and payee. So a router that hands it on can leave
 * it out, and cannot change it.
 */

/** Announcements in one answer. The next answer has the rest. */
export const MAX_HANDED_AT_ONCE = 256;
const ASK_TIMEOUT_MS = 5_000;
export const MAX_PEER_ROUTERS = 16;

interface HandedAnswer {
  readonly announcements: SignedAnnouncement[];
  /** Prefixes, one after the other. */
  readonly gone: Uint8Array;
}

/**
 * Returns the announcements that this router has from providers themselves and that are newer than the caller's.
 * @param manifest only announcements with segments of this cut, for a provider that forms a cohort. Empty: all.
 * @throws Refusal
 */
export function handSupply(
  { supply }: Pick<RouterState, 'supply'>,
  { held, manifest }: Pick<HandSupplyRequest, 'held' | 'manifest'>,
): HandedAnswer {
  if (manifest.length !== 0 && manifest.length !== 32) throw new Refusal('invalid', 'manifest: 32 bytes, or none');
  const isWanted = (segments: Announcement['segments']): boolean =>
    manifest.length === 0 || segments.some(({ manifestHash }) => equalBytes(manifestHash, manifest));
  if (held.length % HELD_BYTES !== 0) throw new Refusal('invalid', `held: pieces of ${HELD_BYTES} bytes`);
  const known = readHeld(held);
  const announcements: SignedAnnouncement[] = [];
  const gone: Uint8Array[] = [];
  for (const { providerId, sequence, segments, isGone, read } of supply.own()) {
    const theirs = known.get(toPrefix(providerId));
    if (isGone) {
      if (theirs !== undefined && theirs <= sequence) gone.push(providerId.subarray(0, HELD_PREFIX_BYTES));
      continue;
    }
    if (!isWanted(segments)) continue;
    if (announcements.length >= MAX_HANDED_AT_ONCE || (theirs !== undefined && theirs >= sequence)) continue;
    const signed = read();
    if (signed) announcements.push(signed);
  }
  return { announcements, gone: Buffer.concat(gone) };
}

function readHeld(held: Uint8Array): ReadonlyMap<string, bigint> {
  const view = new DataView(held.buffer, held.byteOffset, held.byteLength);
  const known = new Map<string, bigint>();
  for (let at = 0; at < held.length; at += HELD_BYTES) {
    known.set(toHex(held.subarray(at, at + HELD_PREFIX_BYTES)), view.getBigUint64(at + HELD_PREFIX_BYTES));
  }
  return known;
}

/** Asks the other routers in turn for what this one lacks. */
export function createSupplyExchange(
  state: Pick<RouterState, 'supply' | 'links' | 'metrics' | 'log'>,
  { peers, intervalMs }: { readonly peers: readonly KnownPeer[]; readonly intervalMs: number },
): Repeating {
  const { links, metrics, log } = state;
  const ask = async (peer: KnownPeer, signal: AbortSignal): Promise<void> => {
    const from = toHex(peer.certHash);
    try {
      const call = { timeoutMs: ASK_TIMEOUT_MS, signal };
      const answer = await links
        .to(RouterService, peer)
        .handSupply({ held: encodeHeld(state.supply.listHeld()) }, call);
      metrics.handed.inc(await takeSupply(state, answer, from));
    } catch (err) {
      if (!signal.aborted) log.debug({ err, router: from }, 'a router handed no supply on');
    }
  };
  return createRepeating({ intervalMs }, async (signal) => {
    await Promise.all(peers.slice(0, MAX_PEER_ROUTERS).map((peer) => ask(peer, signal)));
  });
}

/** @returns the number of accepted ones. @throws Refusal, ProtocolError at the first that no honest router hands on. */
export async function takeSupply(
  { supply, metrics }: Pick<RouterState, 'supply' | 'metrics'>,
  { announcements, gone }: HandedAnswer,
  from: string,
): Promise<number> {
  let taken = 0;
  for (const signed of announcements.slice(0, MAX_HANDED_AT_ONCE)) {
    if (readHandedAnnouncement(signed.announcement) === undefined) metrics.announcements.inc({ outcome: 'unread' });
    else if (await supply.takeHanded(signed, from)) taken++;
    // Let waiting requests run between the checks of signatures.
    await nextTurn();
  }
  if (gone.length % HELD_PREFIX_BYTES !== 0)
    throw new ProtocolError('malformed', 'providers that are gone: pieces of ids');
  const prefixes = new Set<string>();
  for (let at = 0; at < gone.length; at += HELD_PREFIX_BYTES)
    prefixes.add(toHex(gone.subarray(at, at + HELD_PREFIX_BYTES)));
  supply.suspendHanded(prefixes, from);
  return taken;
}
