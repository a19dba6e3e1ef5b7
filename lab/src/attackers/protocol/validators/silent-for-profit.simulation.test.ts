import { describe, expect, it } from 'vitest';
import { silentForProfit } from './silent-for-profit.ts';

const LEAGUE = { keys: 17, replies: 3 };

describe('a payee with nearly all of the stake whose verifiers are silent about the replies of a rival', () => {
  it.each([true, false])(
    'fills no audit attempt: every reply is paid, whether silence costs (%s) or not',
    async (costs) => {
      const outcome = await silentForProfit.play({ ...LEAGUE, costs });
      expect(outcome).toMatchObject({ paid: [true, true, true], withheldAtomic: 0n });
      expect(outcome.offences.honest).toBe(0);
    },
  );
});
