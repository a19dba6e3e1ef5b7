import { computeAttemptEpoch } from '@ogong/protocol/audit/audit-attempt';
import { toHex } from '@ogong/protocol/base/bytes';
import { encodeCandidates } from '@ogong/protocol/verdict/evidence';
import type { TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { FAR } from '@ogong/testing/validator/test-scores';
import { idOfPlayed } from '../audited-network.ts';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { countTexts, defineAttack } from '../define-attack.ts';

const HONEST = ['honest-0', 'honest-1', 'honest-2', 'honest-3'];
const FRIENDS = ['friend-0', 'friend-1', 'friend-2'];
const TOKEN = 10n ** 18n;
/** Longer than the life of an order: after it the announcements that co-signers know count. */
const HELD_MS = 700_000;

/**
 * A validator chooses the verifiers. It lists three friends alone, which reject the replies of an honest provider by
 * scores. Or it lists all verifiers while they are away, and nobody in the seven audit attempts after that, so that its
 * payer owes nothing. If `isBelieved`, co-signers know no verifiers.
 */
export const chosenCandidates = defineAttack({
  name: 'chosen-candidates',
  adversary: 'validator that lists only friends, or nobody in a later attempt',
  aim: 'have an honest provider ejected by friends, or leave its reply unjudged and unpaid',
  stoppedBy: 'Co-signers know the same announcements and refuse a list without most of the known stake',
  restarts: ['validator', 'signer', 'verifier'],
  async play(
    { lists, isBelieved = false }: { readonly lists: 'three friends' | 'nobody later'; readonly isBelieved?: boolean },
    breaks,
  ) {
    let isAway = lists === 'nobody later';
    const served = new Map<string, TestReply>();
    const calls = openAttackedVerifiers(breaks, (peer, job) => {
      if (isAway) return Promise.reject(new Error('no answer'));
      const isFriend = FRIENDS.some((name) => `${name}:1` === String(peer.endpoint));
      return answerHonestly(served, isFriend ? FAR : {})(peer, job);
    });
    const honest = new Set(HONEST.map((name) => toHex(createTestPayee(name).address)));
    const stakeOf = (payee: Uint8Array): bigint => (honest.has(toHex(payee)) ? 100n : 1n) * TOKEN;
    const four = await createFour({ calls, stakeOf, audit: { pairPpm: 0, honeypotPpm: 0 } }, (options) =>
      openAttacked(breaks, options),
    );
    const { own, peers, chain, clock } = four;
    for (const one of [own, ...peers]) {
      for (const name of [...HONEST, ...FRIENDS]) await one.announceVerifier(name);
    }
    if (lists === 'three friends') for (const name of [...HONEST, 'v1']) forget(own, name);
    if (isBelieved) for (const { store } of peers) store.prepare('DELETE FROM announcements').run();
    clock.advance(HELD_MS);
    const reply = await own.deliver(0);
    const { replyId } = reply.reply.record;
    served.set(toHex(replyId), reply);
    await four.certifyAll();
    await breaks.take();
    await own.runContests();
    isAway = false;
    for (let row = own.find(replyId); row.state === 'waiting'; row = own.find(replyId)) {
      if (lists === 'nobody later') listNobody(own, replyId);
      await own.certifyUpTo(computeAttemptEpoch(row.beaconEpoch as bigint, row.sitting));
      await own.runContests();
    }
    for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
    do await breaks.take();
    while (await own.settlement.step().catch(() => false));
    const settled = chain.settled.length > 0 ? own.decided.map(({ verdict }) => verdict) : [];
    const steps = own.decided.filter(({ step }) => step !== 'none').length;
    return { settled, steps, refusals: own.refusals };
  },
  async stage({ play }) {
    const friends = await play({ lists: 'three friends' });
    const nobody = await play({ lists: 'nobody later' });
    const settled = [...friends.settled, ...nobody.settled];
    return {
      tried: 'listed three friends alone, and nobody in the later audit attempts of a reply',
      answered: [
        ...countTexts([...friends.refusals, ...nobody.refusals]),
        `${settled.length} of them are on the chain`,
      ],
      worked:
        settled.length > 0 ||
        friends.refusals.length !== 1 ||
        nobody.refusals.length !== 1 ||
        !friends.refusals.join().includes('the list of audit attempt 0 lacks') ||
        !nobody.refusals.join().includes('the list of audit attempt 1 lacks'),
    };
  },
});

function forget({ store }: TestValidator, name: string): void {
  store.prepare('DELETE FROM announcements WHERE provider_id = ?').run(idOfPlayed(name));
}

function listNobody({ store }: TestValidator, replyId: Uint8Array): void {
  store.prepare('UPDATE replies SET candidates = ? WHERE reply_id = ?').run(encodeCandidates([]), replyId);
}
