import { SettlementError } from '@ogong/node/validator/settlement/settlement-error';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { providerId } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import type { ProtocolAttack } from './attack.ts';
import { NO_BREAKS, openAttacked } from './breaks.ts';

export interface HitAndRun {
  /** Replies that it forges at once, before anybody has judged one. */
  readonly burst: number;
  /** The network's least coverage, parts per million. */
  readonly alphaPpm: number;
  /** What its key holds, atomic units; undefined on a network that pays at once. */
  readonly heldAtomic: bigint | undefined;
}

export interface HitAndRunOutcome {
  readonly caught: number;
  /** What the chain settled for its forged replies. */
  readonly settledAtomic: bigint;
  readonly isEjected: boolean;
  /** What it has in the end of what was settled and what it held, less what it held: below zero it loses. */
  readonly gainAtomic: bigint;
}

/**
 * A key forges a burst, takes out what it can, and is gone. On a network that pays at once it keeps what settled. Where earnings are
 * held, an ejection in the same period takes them, and with them all that it held before.
 */
export const hitAndRun: ProtocolAttack<HitAndRun, Promise<HitAndRunOutcome>> = {
  name: 'hit-and-run',
  adversary: 'provider with a new key that forges until it is found out',
  aim: 'be paid for forged replies under a key that it gives up',
  stoppedBy:
    'Earnings are held for two periods and forfeited on ejection; who holds less is audited more often, who holds nothing always, by two verifiers',
  restarts: ['validator'],
  async play({ burst, alphaPpm, heldAtomic }, breaks = NO_BREAKS) {
    const coverage = { alphaPpm: () => alphaPpm };
    const options = { audit: coverage, cosign: coverage, heldFor: async () => heldAtomic };
    const four = await createFour(options, (one) => openAttacked(breaks, one));
    const { own, chain } = four;
    for (let number = 0; number < burst; number++) await own.deliver(number, cheat);
    await breaks.take();
    await four.certifyAll();
    // A validator judges a few at a time.
    for (let i = 0; i < burst; i++) {
      await own.runAudits();
      await breaks.take();
    }
    try {
      do await breaks.take();
      while (await own.settlement.step());
    } catch (error) {
      if (!(error instanceof SettlementError)) throw error;
    }
    const settledAtomic = chain.settled.flatMap(({ lines }) => lines).reduce((sum, { gross }) => sum + gross, 0n);
    const isEjected = chain.settled
      .flatMap(({ ejections }) => ejections)
      .some((id) => equalBytes(id as Uint8Array, providerId));
    const caught = own.decided.filter(({ verdict }) => verdict === 'reject').length;
    await Promise.all([own, ...four.peers].map((one) => one.close()));
    const isForfeited = isEjected && heldAtomic !== undefined;
    return { caught, settledAtomic, isEjected, gainAtomic: isForfeited ? -heldAtomic : settledAtomic };
  },
};
