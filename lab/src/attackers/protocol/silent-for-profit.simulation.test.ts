import { describe, expect, it } from 'vitest';
import { silentForProfit } from './silent-for-profit.ts';

const LEAGUE = { keys: 17, replies: 3 };

describe('a league with nearly all of the stake that is silent about the replies of a rival', () => {
  it('worked while nobody counted silence: no reply is paid, and the league loses nothing', async () => {
    const outcome = await silentForProfit.play({ ...LEAGUE, costs: false });
    expect(outcome).toMatchObject({ paid: [false, false, false], withheldAtomic: 258_000n });
    for (const weight of outcome.weights) expect(weight).toBeGreaterThanOrEqual(201n);
    expect(outcome).toMatchObject({ offences: { league: 0, honest: 0 }, lostStake: 0 });
  });

  it('weighs as little as anybody after half a day, and loses a tenth of its stake; the honest one loses nothing', async () => {
    const outcome = await silentForProfit.play({ ...LEAGUE, costs: true });
    expect(outcome).toMatchObject({ paid: [false, false, true], weights: [13n, 1n, 1n], withheldAtomic: 172_000n });
    expect(outcome).toMatchObject({ offences: { league: 14, honest: 0 }, lostStake: 340 });
  });
});
