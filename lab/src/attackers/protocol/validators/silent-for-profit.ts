import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { VerifierCalls } from '@ogong/host/link/verifier-call';
import { computeAttemptEpoch } from '@ogong/protocol/audit/audit-attempt';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { HALF_HOUR_MS } from '@ogong/protocol/settlement/silence-count';
import { createTestClock, provider, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { MODEL_ROOT, type TestReply } from '@ogong/testing/validator/test-reply';
import { listCandidates } from '@ogong/validator/store/candidates';
import type { ReplyRow } from '@ogong/validator/store/replies/reply-store';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const LEAGUE = createTestPayee('league');
const HONEST = createTestPayee('v1');
const TOKEN = 10n ** 18n;
/** Of the league's stake, in whole tokens, for each of its keys. */
const STAKE_PER_KEY = 200n;

interface Plan {
  readonly keys: number;
  readonly replies: number;
  /** Without it every silence is forgotten, as if no log entry named it. */
  readonly costs: boolean;
  /** The league answers that it does not do the jobs. Default: it does not answer. */
  readonly refuses?: boolean;
  /** Stake of the verifier that answers, whole tokens. Default: as much as the league's. */
  readonly honestStake?: bigint;
}
/** Parts per million of a stake that each refuted report costs, and the most of a day (Staking). */
const PENALTY_PPM = 20_000;
const MOST_PENALTY_PPM = 100_000;

/**
 * Verifiers of one payee with half of the stake behind a model ignore the replies of a rival in every audit attempt. The
 * replies get no verdict and the rival no fee. More than sixteen keys once filled an attempt, when each round asked one
 * verifier.
 */
export const silentForProfit = defineAttack({
  name: 'silent-for-profit',
  adversary: 'verifiers in league that ignore the replies of a rival',
  aim: "leave the rival's replies unjudged and unpaid, by stake that is never lost",
  stoppedBy:
    'An accept needs as much stake as silent verifiers have. From the fifth half hour of silence per day, each halves the weight of the stake and costs a part of it',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ keys, replies, costs, refuses = false, honestStake = BigInt(keys) * STAKE_PER_KEY }: Plan, breaks) {
    let clock = createTestClock();
    const served = new Map<string, TestReply>();
    const honest = openAttackedVerifiers(breaks, answerHonestly(served));
    const calls: VerifierCalls = {
      ...honest,
      async commit(peer, job, call) {
        if (String(peer.endpoint) === 'v1:1') return honest.commit(peer, job, call);
        if (refuses) throw new LinkError('remote', 'not this job', { refusal: 'invalid' });
        clock.advance(call.timeoutMs);
        throw new Error('no answer');
      },
    };
    const stakes = new Map([
      [toHex(LEAGUE.address), BigInt(keys) * STAKE_PER_KEY * TOKEN],
      [toHex(HONEST.address), honestStake * TOKEN],
    ]);
    const stakeOf = (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n;
    const four = await createFour({ calls, stakeOf, audit: { pairPpm: 0, honeypotPpm: 0 } }, (options) =>
      openAttacked(breaks, options),
    );
    const { own, peers, chain } = four;
    clock = four.clock;
    const all = [own, ...peers];
    const announceAll = async (): Promise<void> => {
      clock.advance(1);
      const sequence = BigInt(clock.nowMs());
      for (const one of all) {
        await one.announce(provider, { sequence });
        await one.announceVerifier('v1', 'x', HONEST, {}, sequence);
        for (let key = 0; key < keys; key++) await one.announceVerifier(`silent-${key}`, 'x', LEAGUE, {}, sequence);
      }
    };
    const paid: boolean[] = [];
    const weights: bigint[] = [];
    let withheldAtomic = 0n;
    for (let i = 0; i < replies; i++) {
      await announceAll();
      const { replyId } = (await deliver(own, served, i)).reply.record;
      await four.certifyAll();
      await breaks.take();
      for (let row = own.find(replyId); isOpen(row); row = own.find(replyId)) {
        if (row.state === 'waiting') {
          clock.advance(HALF_HOUR_MS);
          await announceAll();
          await own.certifyUpTo(computeAttemptEpoch(row.beaconEpoch as bigint, row.sitting));
          await breaks.take();
        }
        await own.runContests();
      }
      for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
      if (costs) while (await own.settlement.step());
      else own.store.prepare('UPDATE tests SET silent_at = 0, silent_bits = 0').run();
      const isPaid = (own.decided.at(-1)?.feeAtomic ?? 0n) > 0n;
      paid.push(isPaid);
      withheldAtomic += isPaid ? 0n : (own.find(replyId).feeAtomic ?? 0n);
      weights.push(findWeight(own, stakeOf));
    }
    const tallies = chain.settled.flatMap((call) => call.tallies);
    const offencesOf = (payee: Uint8Array): number =>
      tallies.reduce((sum, one) => sum + (equalBytes(one.payee as Uint8Array, payee) ? one.refuted : 0), 0);
    const league = offencesOf(LEAGUE.address);
    const lostPpm = Math.min(league * PENALTY_PPM, MOST_PENALTY_PPM);
    return {
      ...{ paid, weights, offences: { league, honest: offencesOf(HONEST.address) } },
      lostStake: (Number(STAKE_PER_KEY) * keys * lostPpm) / 1_000_000,
      withheldAtomic,
    };
  },
  async stage({ play }) {
    const outcome = await play({ keys: 17, replies: 2, costs: true });
    const { paid, weights, offences, lostStake, withheldAtomic } = outcome;
    return {
      tried: 'said nothing about the replies of a rival, with half of the stake behind its model',
      answered: [
        `after each reply one of its keys weighs ${weights.join(', ')}; before them 201, the honest verifier 3401`,
        `${offences.league} silent half hours cost stake, ${offences.honest} of the honest verifier`,
      ],
      money: `${lostStake} tokens of its stake are lost; the rival was not paid ${withheldAtomic} atomic units of ${paid.length} replies`,
      worked: offences.honest > 0 || withheldAtomic > 0n,
    };
  },
});

const isOpen = ({ state }: Pick<ReplyRow, 'state'>): boolean => state !== 'decided' && state !== 'settled';

async function deliver(own: TestValidator, served: Map<string, TestReply>, index: number): Promise<TestReply> {
  const reply = await own.deliver(index);
  served.set(toHex(reply.reply.record.replyId), reply);
  return reply;
}

/** Chances of one key of the league in the next list; 0 where it is left out. */
function findWeight({ store, clock }: TestValidator, stakeOf: (payee: Uint8Array) => bigint): bigint {
  const query = {
    modelRoot: MODEL_ROOT,
    serverId: providerId,
    salt: new Uint8Array(32),
    nowMs: clock.nowMs(),
    stakeOf,
  };
  const list = store.read(() => listCandidates(store, crypto, query));
  return list.find(({ payee }) => equalBytes(payee, LEAGUE.address))?.weight ?? 0n;
}
