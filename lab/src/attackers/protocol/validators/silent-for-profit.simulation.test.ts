import { describe, expect, it } from 'vitest';
import { silentForProfit } from './silent-for-profit.ts';

const LEAGUE = { keys: 17, replies: 3 };

describe('a payee whose verifiers are silent about the replies of a rival', () => {
  it.each([true, false])(
    'fills no audit attempt with half of the stake: every reply is paid, whether silence costs (%s) or not',
    async (costs) => {
      const outcome = await silentForProfit.play({ ...LEAGUE, costs });
      expect(outcome).toMatchObject({ paid: [true, true, true], withheldAtomic: 0n });
      expect(outcome.offences.honest).toBe(0);
    },
  );

  it('fills none with refusals either, which cost nothing', async () => {
    const outcome = await silentForProfit.play({ ...LEAGUE, costs: true, refuses: true });
    expect(outcome).toMatchObject({ paid: [true, true, true], offences: { league: 0, honest: 0 } });
  });

  it('leaves replies unpaid with nearly all of the stake, until its silence has cost it the weight', async () => {
    const outcome = await silentForProfit.play({ ...LEAGUE, costs: true, honestStake: 1n });
    expect(outcome).toMatchObject({ paid: [false, false, true], offences: { honest: 0 } });
    expect(outcome.lostStake).toBeGreaterThan(0);
  });
});
