import { PERIOD_MS } from '@ogong/testing/validator/test-threshold';
import type { ProtocolAttack } from '../attack.ts';
import { NO_BREAKS } from '../breaks.ts';
import { openThreshold, passWithBreaks, readThreshold } from './threshold-play.ts';

export interface AbsentOutcome {
  /** Epochs that began while they were away. */
  readonly begun: bigint;
  /** Of these, how many each of the others has. */
  readonly certified: bigint;
  readonly disputed: number;
}

const AWAY_MS = 10_000;

/** They take part until the key is made, and go away together. */
export const absentQuarter: ProtocolAttack<{ readonly stakes: readonly bigint[] }, Promise<AbsentOutcome>> = {
  name: 'absent-quarter',
  adversary: 'validators below a quarter of the stake that leave at any instant',
  aim: 'halt the beacon',
  stoppedBy: 'They have less than a third of the shares, and no leader is needed',
  restarts: ['validator'],
  async play({ stakes }, breaks = NO_BREAKS) {
    const net = await openThreshold(breaks, stakes);
    await net.pass(18_000);
    const [first] = net.nodes;
    if (first !== undefined) first.isOffline = true;
    const others = stakes.flatMap((_, index) => (index === 0 ? [] : [index]));
    const before = (await readThreshold(net, others)).latest;
    await passWithBreaks(net, AWAY_MS, breaks);
    const { latest, disputed } = await readThreshold(net, others);
    return { begun: BigInt(AWAY_MS / PERIOD_MS), certified: latest - before, disputed };
  },
};
