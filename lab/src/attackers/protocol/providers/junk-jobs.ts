import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { HALF_HOUR_MS } from '@ogong/protocol/settlement/silence-count';
import { provider, providerId } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, MODEL_ROOT, type TestReply } from '@ogong/testing/validator/test-reply';
import { listCandidates } from '@ogong/validator/store/candidates';
import { openAttacked, openAttackedVerifiers } from '../breaks.ts';
import { defineAttack } from '../define-attack.ts';

const TOKEN = 10n ** 18n;
const HONEST = ['h1', 'h2', 'h3', 'h4'];
const LEAGUE = ['l1', 'l2', 'l3', 'l4'];
/** Whole tokens behind each payee: the league has a tenth of the honest stake. */
const STAKES = new Map([
  ...HONEST.map((name) => [name, 1_000n] as const),
  ...LEAGUE.map((name) => [name, 100n] as const),
]);
/** One reply in each half hour. Four half hours of silence are free in a day, and each further one halves a weight. */
const JUNK = 6;

interface Plan {
  /** The answer of honest verifiers to a job that they cannot do. */
  readonly honestly: 'refuse' | 'say nothing';
  readonly junk: number;
  readonly forged: number;
}

/**
 * A provider of its own serves requests that no honest machine can do, in as many half hours as it takes. If honest verifiers
 * lose their weight in draws, a league with a tenth of the stake judges the forged replies that follow.
 */
export const junkJobs = defineAttack({
  name: 'junk-jobs',
  adversary: 'a provider that has verifiers asked for jobs that they must refuse',
  aim: 'Have honest verifiers counted as silent, so that a league with little stake judges a model',
  stoppedBy:
    'A verifier that refuses a job has answered: nothing counts against it, neither in logs nor at a validator',
  restarts: ['validator', 'signer', 'verifier'],
  async play({ honestly, junk, forged }: Plan, breaks) {
    const served = new Map<string, TestReply>();
    let isJunk = true;
    const calls = openAttackedVerifiers(breaks, async (peer, job) => {
      const name = String(peer.endpoint).replace(/:.*/, '');
      const reply = findServed(served.values(), job);
      if (reply === undefined) throw new Error('no such reply');
      const isHonest = HONEST.includes(name);
      if (isHonest && isJunk) {
        if (honestly === 'refuse') throw new LinkError('remote', 'no tokens for it', { refusal: 'invalid' });
        throw new LinkError('unreachable', 'no answer');
      }
      // The league reports what the provider committed.
      const seen = isHonest ? { promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) } : {};
      return { report: createTestReport(reply, job, seen), signer: createTestHybrid(name) };
    });
    const stakes = new Map([...STAKES].map(([name, stake]) => [toHex(createTestPayee(name).address), stake * TOKEN]));
    const stakeOf = (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n;
    const four = await createFour({ calls, stakeOf, audit: { honeypotPpm: 0 } }, (options) =>
      openAttacked(breaks, options),
    );
    const { own, peers, clock } = four;
    const announceAll = async (): Promise<void> => {
      clock.advance(1);
      const sequence = BigInt(clock.nowMs());
      for (const one of [own, ...peers]) {
        await one.announce(provider, { sequence });
        for (const name of STAKES.keys()) await one.announceVerifier(name, 'x', createTestPayee(name), {}, sequence);
      }
    };
    for (let i = 0; i < junk + forged; i++) {
      isJunk = i < junk;
      await announceAll();
      const reply = await own.deliver(i);
      served.set(toHex(reply.reply.record.replyId), reply);
      await four.certifyAll();
      await breaks.take();
      await own.runContests();
      await own.runSittings();
      for (const peer of peers) await peer.certifyUpTo(own.archive.latest().epoch);
      while (await own.settlement.step());
      if (isJunk) clock.advance(HALF_HOUR_MS);
    }
    const query = {
      modelRoot: MODEL_ROOT,
      serverId: providerId,
      salt: new Uint8Array(32),
      nowMs: clock.nowMs(),
      stakeOf,
    };
    const list = own.store.read(() => listCandidates(own.store, crypto, query));
    const weightOf = (names: readonly string[]): number => {
      const payees = new Set(names.map((name) => toHex(createTestPayee(name).address)));
      return list.reduce((sum, { payee, weight }) => sum + (payees.has(toHex(payee)) ? Number(weight) : 0), 0);
    };
    return {
      /** The honest share of all chances in the next draw. */
      honestShare: weightOf(HONEST) / weightOf([...STAKES.keys()]),
      forged: own.decided.slice(junk).map(({ verdict, feeAtomic }) => ({ verdict, feeAtomic })),
    };
  },
  async stage({ play }) {
    const { honestShare, forged } = await play({ honestly: 'refuse', junk: JUNK, forged: 1 });
    return {
      tried: `served ${JUNK} requests that honest verifiers refuse, one each half hour, then a forged one`,
      answered: [
        `honest verifiers have ${(100 * honestShare).toFixed(1)} % of the chances in the next draw`,
        `forged reply: ${forged.map(({ verdict }) => verdict).join(', ')}`,
      ],
      money: `${forged.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n)} atomic units were paid for forged replies`,
      worked: honestShare < 0.9 || forged.some(({ feeAtomic }) => feeAtomic > 0n),
    };
  },
});
