import { PERIOD_MS } from '@ogong/testing/validator/test-threshold';
import { defineAttack } from '../define-attack.ts';
import { openThreshold, passWithBreaks, readThreshold } from './threshold-play.ts';

const AWAY_MS = 10_000;

/** An epoch may be under way when it is counted. */
const SLACK = 1n;

/** They take part until the key is made, and go away together. */
export const absentQuarter = defineAttack({
  name: 'absent-quarter',
  adversary: 'validators below a quarter of the stake that leave at any instant',
  aim: 'halt the beacon',
  stoppedBy: 'They have less than a third of the shares, and no leader is needed',
  restarts: ['validator'],
  async play({ stakes }: { readonly stakes: readonly bigint[] }, breaks) {
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
  async stage({ play }) {
    const { begun, certified, disputed } = await play({ stakes: [10n, 11n, 12n, 13n, 14n] });
    return {
      tried: 'went away with a sixth of the stake once the key was made',
      answered: [`${certified} of ${begun} epochs are certified meanwhile, ${disputed} of them in two ways`],
      worked: certified < begun - SLACK || disputed > 0,
    };
  },
});
