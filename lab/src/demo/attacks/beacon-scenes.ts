import type { Breaks } from '../../attackers/protocol/breaks.ts';
import { absentQuarter } from '../../attackers/protocol/validators/absent-quarter.ts';
import { badShares } from '../../attackers/protocol/validators/bad-shares.ts';
import { earlyParts } from '../../attackers/protocol/validators/early-parts.ts';
import { hasStopped, tellThreshold } from '../../attackers/protocol/validators/threshold-play.ts';
import { twoDeals } from '../../attackers/protocol/validators/two-deals.ts';
import { withheldShares } from '../../attackers/protocol/validators/withheld-shares.ts';
import type { StagedAttack } from './scene.ts';

const NO_MONEY = 'none';
/** An epoch may be under way when it is counted. */
const SLACK = 1n;

const stageKeyLie = (attack: typeof badShares, tried: string): StagedAttack => ({
  attack,
  async play(breaks: Breaks) {
    const outcome = await attack.play(undefined, breaks);
    return { tried, answered: tellThreshold(outcome), money: NO_MONEY, worked: hasStopped(outcome) };
  },
});

/** Attacks on the threshold beacon. */
export const beaconScenes: readonly StagedAttack[] = [
  stageKeyLie(badShares, 'sealed to each validator shares that cannot be opened'),
  stageKeyLie(withheldShares, 'told one validator nothing of its deal, answered all others, and signed no epoch'),
  stageKeyLie(twoDeals, 'signed two deals and showed each to half of the validators'),
  {
    attack: earlyParts,
    async play(breaks: Breaks) {
      const { asked, heard, early } = await earlyParts.play(undefined, breaks);
      return {
        tried: `asked for parts of epochs to come, ${asked} times`,
        answered: [`it heard ${heard} parts, ${early} of them of epochs that had not begun`],
        money: NO_MONEY,
        worked: early > 0,
      };
    },
  },
  {
    attack: absentQuarter,
    async play(breaks: Breaks) {
      const { begun, certified, disputed } = await absentQuarter.play({ stakes: [10n, 11n, 12n, 13n, 14n] }, breaks);
      return {
        tried: 'went away with a sixth of the stake once the key was made',
        answered: [`${certified} of ${begun} epochs are certified meanwhile, ${disputed} of them in two ways`],
        money: NO_MONEY,
        worked: certified < begun - SLACK || disputed > 0,
      };
    },
  },
];
