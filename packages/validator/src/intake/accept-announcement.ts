import { Refusal } from '@ogong/host/link/link-error';
import { parseOwnAnnouncement } from '@ogong/host/link/own-announcement';
import { type Announcement, type SignedAnnouncement, verifyAnnouncement } from '@ogong/protocol/exchange/announcement';
import { MAX_ANNOUNCEMENTS, putAnnouncement, readAnnouncement } from '../store/announcement-store.ts';
import { readProvider } from '../store/verdict-store.ts';
import { type IntakeState, refusePayeeOut } from './intake-state.ts';

/** @param caller hash of the sender's certificate. @throws Refusal */
export async function acceptAnnouncement(
  state: Pick<IntakeState, 'crypto' | 'ledger' | 'clock' | 'store' | 'group' | 'maxAnnouncements' | 'letIn'>,
  signed: SignedAnnouncement,
  caller: Uint8Array,
): Promise<void> {
  const { crypto, ledger, clock, group, maxAnnouncements: limit = MAX_ANNOUNCEMENTS } = state;
  const nowMs = clock.nowMs();
  refuseUnread(state, parseOwnAnnouncement(signed.announcement, caller));
  const verdict = verifyAnnouncement(crypto, signed, { ledger, nowMs });
  const { announcement } = verdict;
  if (!verdict.ok || announcement === undefined) {
    const why = verdict.checks.find(({ status }) => status === 'fail')?.detail ?? 'no check passed';
    throw new Refusal('invalid', `the announcement is invalid: ${why}`);
  }
  refusePayeeOut(state, announcement.payee);
  await state.letIn?.(announcement, signed.newcomerWork ?? new Uint8Array(0));
  const problem = await group.write((db) =>
    putAnnouncement(db, announcement, signed.announcement, { nowMs, limit, credential: signed }),
  );
  if (problem === 'known') throw new Refusal('conflict', 'a newer announcement is known');
  if (problem === 'shared-certificate') {
    throw new Refusal(
      'conflict',
      'another provider is announced under this certificate until its announcement expires; give each provider its own',
    );
  }
  if (problem === 'full') {
    throw new Refusal(
      'unavailable',
      `this validator stores ${limit} announcements already; repeat the announcement until others expire, and serve orders ` +
        'of other validators meanwhile',
    );
  }
}

/** @throws Refusal */
function refuseUnread(
  { store }: Pick<IntakeState, 'store'>,
  { providerId, sequence }: Pick<Announcement, 'providerId' | 'sequence'>,
): void {
  const { known, ejected } = store.read(() => ({
    known: readAnnouncement(store, providerId),
    ejected: readProvider(store, providerId).ejected,
  }));
  if (ejected) throw new Refusal('precondition', 'the provider was ejected');
  if (known !== undefined && known.sequence >= sequence) throw new Refusal('conflict', 'a newer announcement is known');
}
