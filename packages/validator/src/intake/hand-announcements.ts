import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type Announcement,
  readHandedAnnouncement,
  type SignedAnnouncement,
  verifyAnnouncement,
} from '@ogong/protocol/exchange/announcement';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ATOMIC_PER_TOKEN } from '@ogong/protocol/exchange/stake-weights';
import { isPayeeOut } from '@ogong/protocol/settlement/log-tests';
import {
  countHanded,
  listHeldIds,
  listStakedVerifiers,
  MAX_ANNOUNCEMENTS,
  MAX_HANDED,
  MAX_HANDED_OF_PAYEE,
  putAnnouncement,
  readAnnouncement,
  readCredential,
} from '../store/announcement-store.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import { readProvider } from '../store/verdict-store.ts';

/**
 * A verifier announces itself to every validator. One that leaves a validator out would be missing from that validator's lists alone, and
 * co-signers refuse lists that lack too much stake. So validators hand on what one of them lacks: signed by provider, payee and
 * verifier, an announcement is the same from whoever it comes (docs/spec/candidate-lists.md, "Announcements that are passed on").
 */

/** Of a provider id, 32 bytes. Nobody finds two keys whose hashes begin alike. */
export const HELD_ID_BYTES = 8;
/** In one answer. */
export const MAX_ANSWERED = 64;
const ANSWERED_BYTES = 1 << 20;
/** What ends sooner counts as lacking, and is handed to nobody. */
const ENDING_MS = 15_000;
const FRESH_MS = 5_000;

interface HandState {
  readonly store: Store;
  readonly clock: Clock;
}

/** What this validator holds, in the form in which others are asked. */
export function listHeld({ store, clock }: HandState): Uint8Array {
  const ids = store.read(() => listHeldIds(store, clock.nowMs() + ENDING_MS)).slice(0, MAX_ANNOUNCEMENTS + MAX_HANDED);
  const held = new Uint8Array(ids.length * HELD_ID_BYTES);
  for (const [i, id] of ids.entries()) held.set(id.subarray(0, HELD_ID_BYTES), i * HELD_ID_BYTES);
  return held;
}

/** Announcements of verifiers with stake that somebody lacks who holds `held`, most stake first. */
export function listLacking({ store, clock }: HandState, held: Uint8Array): SignedAnnouncement[] {
  const names = new Set<string>();
  for (let at = 0; at + HELD_ID_BYTES <= held.length; at += HELD_ID_BYTES) {
    names.add(toHex(held.subarray(at, at + HELD_ID_BYTES)));
  }
  return store.read(() => {
    const lacking: SignedAnnouncement[] = [];
    let bytes = 0;
    for (const { providerId, stake } of listStakedVerifiers(store, clock.nowMs() + FRESH_MS)) {
      if (stake < ATOMIC_PER_TOKEN || names.has(toHex(providerId.subarray(0, HELD_ID_BYTES)))) continue;
      const signed = readCredential(store, providerId);
      if (signed === undefined) continue;
      bytes += signed.announcement.length + (signed.verifierEndorsement?.word.length ?? 0);
      if (lacking.length >= MAX_ANSWERED || bytes > ANSWERED_BYTES) break;
      lacking.push(signed);
    }
    return lacking;
  });
}

export interface TakeState extends HandState {
  readonly crypto: Crypto;
  readonly ledger: LedgerDomain;
  readonly group: GroupCommit;
  /** Atomic units, as the chain has them now. @throws where it cannot be read. */
  readonly readStakes: (payees: readonly Uint8Array[]) => Promise<readonly bigint[]>;
  /** One that this program cannot read: it is passed over. */
  readonly onUnread?: () => void;
}

/**
 * Takes in what another validator handed on, as far as it is of use: current, newer than what is held, of a verifier with a payee that has
 * a token staked. Signatures come last, and the first that does not hold ends it.
 * @returns how many were taken in. @throws ProtocolError where the answer holds what no honest validator sends.
 */
export async function takeHanded(state: TakeState, answered: readonly SignedAnnouncement[]): Promise<number> {
  const { crypto, ledger, clock, store, group, onUnread = () => {} } = state;
  const useful = answered.slice(0, MAX_ANSWERED).flatMap((signed) => {
    const announcement = readHandedAnnouncement(signed.announcement);
    if (announcement === undefined) onUnread();
    return announcement && isUseful(store, announcement) ? [{ signed, announcement }] : [];
  });
  if (useful.length === 0) return 0;
  const stakes = await state.readStakes(useful.map(({ announcement }) => announcement.payee));
  let taken = 0;
  for (const [i, { signed, announcement }] of useful.entries()) {
    if ((stakes[i] ?? 0n) < ATOMIC_PER_TOKEN) continue;
    const nowMs = clock.nowMs();
    const { ok, checks } = verifyAnnouncement(crypto, signed, { ledger, nowMs });
    if (!ok) throw new ProtocolError('malformed', describeFailure(checks));
    const problem = await group.write((db) =>
      countHanded(db, announcement) >= MAX_HANDED_OF_PAYEE
        ? 'full'
        : putAnnouncement(db, announcement, signed.announcement, { nowMs, credential: signed, isHanded: true }),
    );
    if (problem === undefined) taken++;
  }
  return taken;
}

const describeFailure = (checks: ReturnType<typeof verifyAnnouncement>['checks']): string =>
  checks.find(({ status }) => status === 'fail')?.detail ?? 'no check passed';

function isUseful(store: Store, { providerId, payee, sequence, verifier }: Announcement): boolean {
  if (verifier === undefined) return false;
  return store.read(() => {
    const known = readAnnouncement(store, providerId);
    if (known !== undefined && known.sequence >= sequence) return false;
    return !readProvider(store, providerId).ejected && !isPayeeOut(createTestStates(store, OWN_TESTS), payee);
  });
}
