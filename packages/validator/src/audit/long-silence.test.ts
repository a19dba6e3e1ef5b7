import { LinkError } from '@ogong/host/link/link-error';
import { computeAttemptEpoch, MAX_ASKED } from '@ogong/protocol/audit/audit-attempt';
import { computeLongestAttempt } from '@ogong/protocol/audit/longest-audit';
import { createFour } from '@ogong/testing/validator/test-four';
import { describe, expect, it } from 'vitest';

const TIMES = { windowMs: 600_000, callTimeoutMs: 60_000, graceMs: 60_000 };
/** The shorter silences of one verifier are tried by day. */
const IS_LONG = process.env.OGONG_LONG === '1';
const PAUSE_MS = TIMES.graceMs / 12;

describe.runIf(IS_LONG)('sixteen verifiers that nobody reaches (only with OGONG_LONG=1)', () => {
  it('are all asked in each audit attempt, which fits into the delays of the chain', async () => {
    const unreachable = () => Promise.reject(new LinkError('unreachable', 'no answer'));
    const calls = { commit: unreachable, reveal: unreachable };
    const four = await createFour({ calls, audit: { pairPpm: 0, honeypotPpm: 0, retryMs: 1_000, ...TIMES } });
    const { own, peers, clock } = four;
    for (const one of [own, ...peers]) {
      for (let i = 0; i < MAX_ASKED; i++) await one.announceVerifier(`silent-${i}`);
    }
    const { replyId } = (await own.deliver(0)).reply.record;
    await four.certifyAll();
    for (const sitting of [0, 1]) {
      const startMs = clock.nowMs();
      while (own.find(replyId).sitting === sitting) {
        await own.runAudits();
        clock.advance(PAUSE_MS);
        expect(clock.nowMs() - startMs).toBeLessThan(computeLongestAttempt(TIMES));
      }
      const sql = 'SELECT count(*) AS asked, count(DISTINCT round) AS rounds FROM attempts WHERE sitting = ?';
      expect(own.store.prepare(sql).get(sitting)).toEqual({ asked: MAX_ASKED, rounds: 6 });
      await own.certifyUpTo(computeAttemptEpoch(own.find(replyId).beaconEpoch as bigint, 1));
    }
  });
});
