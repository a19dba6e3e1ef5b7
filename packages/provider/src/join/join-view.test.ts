import { expect, it } from 'vitest';
import { createJoinView } from './join-view.ts';

const OGONG = 10n ** 18n;
const DAY_S = 86_400;
type Served = readonly { readonly outcome: 'waits-for-audit' | 'paid' | 'rejected'; readonly replies: number }[];

function openView({ entranceAtomic = OGONG / 100n, periodSeconds = DAY_S } = {}) {
  const lines: string[] = [];
  let served: Served = [];
  let earned = 0n;
  const view = createJoinView(
    { parameters: { entranceAtomic, periodSeconds }, unit: 'OGONG' },
    {
      say: (line) => lines.push(line),
      readServed: () => served,
      readEarnings: async () => ({ earned }),
      nowMs: () => Date.UTC(2026, 0, 5, 12),
    },
  );
  return {
    async look(now: Served, earnedNow = 0n) {
      served = now;
      earned = earnedNow;
      await view.trigger();
      return lines.splice(0);
    },
  };
}

it('says each step of the first fee once', async () => {
  const { look } = openView();
  expect(await look([])).toEqual(['waiting for the first order']);
  expect(await look([])).toEqual([]);
  expect(await look([{ outcome: 'waits-for-audit', replies: 1 }])).toEqual([
    'the first order has come',
    'a validator has its record; the beacon of a later epoch decides whether it is audited',
  ]);
  expect(await look([{ outcome: 'paid', replies: 1 }], OGONG / 1_000n)).toEqual([
    '1 reply is settled, 0.001 OGONG earned; the first 0.01 OGONG of an account pay for audits',
  ]);
  expect(await look([{ outcome: 'paid', replies: 30 }], OGONG / 100n + OGONG)).toEqual([
    '30 replies are settled, 1.01 OGONG earned; 1 OGONG of them are held until 2026-01-08T00:00:00.000Z at the latest',
  ]);
});

it('names rejected replies, and a network that holds nothing', async () => {
  const { look } = openView({ entranceAtomic: 0n, periodSeconds: 0 });
  const served = [
    { outcome: 'rejected', replies: 2 },
    { outcome: 'paid', replies: 1 },
  ] as const;
  expect((await look(served, OGONG)).slice(-2)).toEqual([
    '2 replies were rejected by an audit',
    "1 reply is settled, 1 OGONG earned; 1 OGONG are this machine's",
  ]);
});
