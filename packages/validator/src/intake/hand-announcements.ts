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
  listStakedVerifiers,
  listStoredIds,
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
 * A verifier announces itself to every validator. If it leaves one out, it is missing from that validator's lists
 * alone, and co-signers refuse lists that lack too much stake. So validators forward announcements that another one
 * lacks. An announcement is signed by provider, payee and verifier, so its sender does not matter
 * (docs/spec/candidate-lists.md, "Announcements that are passed on").
 */

/** Leading bytes of a provider id, which has 32. Two keys whose hashes begin alike are infeasible to find. */
export const SHORT_ID_BYTES = 8;
/** Most announcements in one answer. */
export const MAX_ANSWERED = 64;
const ANSWERED_BYTES = 1 << 20;
/** An announcement that ends sooner counts as missing, and is not forwarded. */
const ENDING_MS = 15_000;
const FRESH_MS = 5_000;

interface HandState {
  readonly store: Store;
  readonly clock: Clock;
}

/** Lists the announcements of this validator as short ids, for a question to others. */
export function listStoredAnnouncements({ store, clock }: HandState): Uint8Array {
  const ids = store
    .read(() => listStoredIds(store, clock.nowMs() + ENDING_MS))
    .slice(0, MAX_ANNOUNCEMENTS + MAX_HANDED);
  const held = new Uint8Array(ids.length * SHORT_ID_BYTES);
  for (const [i, id] of ids.entries()) held.set(id.subarray(0, SHORT_ID_BYTES), i * SHORT_ID_BYTES);
  return held;
}

/** Lists announcements of staked verifiers that are missing in `held`, most stake first. */
export function listLacking({ store, clock }: HandState, held: Uint8Array): SignedAnnouncement[] {
  const names = new Set<string>();
  for (let at = 0; at + SHORT_ID_BYTES <= held.length; at += SHORT_ID_BYTES) {
    names.add(toHex(held.subarray(at, at + SHORT_ID_BYTES)));
  }
  return store.read(() => {
    const lacking: SignedAnnouncement[] = [];
    let bytes = 0;
    for (const { providerId, stake } of listStakedVerifiers(store, clock.nowMs() + FRESH_MS)) {
      if (stake < ATOMIC_PER_TOKEN || names.has(toHex(providerId.subarray(0, SHORT_ID_BYTES)))) continue;
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
  /** Reads the present stakes, atomic units. @throws if the chain cannot be read. */
  readonly readStakes: (payees: readonly Uint8Array[]) => Promise<readonly bigint[]>;
  /** Called for an announcement that this program cannot read. It is skipped. */
  readonly onUnread?: () => void;
}

/**
 * Accepts useful announcements that another validator forwarded. They must be current, newer than the stored one, and
 * of a verifier whose payee has a token staked. Signatures are checked last, and the first invalid one ends the call.
 * @returns the number of accepted announcements. @throws ProtocolError if the answer contains what no honest validator
 * sends.
 */
export async function acceptForwarded(state: TakeState, answered: readonly SignedAnnouncement[]): Promise<number> {
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
