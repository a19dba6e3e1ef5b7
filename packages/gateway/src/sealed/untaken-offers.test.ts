import { expect, it } from 'vitest';
import { createUntakenOffers } from './untaken-offers.ts';

const WAIT_MS = 30_000;

function open() {
  let nowMs = 1_000_000;
  const offers = createUntakenOffers(WAIT_MS, { nowMs: () => nowMs });
  return { offers, pass: (ms: number) => (nowMs += ms) };
}

const key = (id: string) => ({ id, budgetAtomic: undefined });

it('a key that lets offers run out has one at a time in the end, and others have theirs', () => {
  const { offers, pass } = open();
  let held = 0;
  // It asks for as many as may run at once, again and again, for a day.
  for (let passedMs = 0; passedMs < 86_400_000; passedMs += WAIT_MS) {
    let asked = 0;
    for (; asked < 16; asked++) {
      try {
        offers.assertMayAsk(key('hoarder'));
      } catch (error) {
        expect(error).toMatchObject({ code: 'too_many_requests' });
        break;
      }
    }
    held += asked;
    pass(WAIT_MS);
    for (let i = 0; i < asked; i++) offers.note(key('hoarder'));
  }
  expect(held).toBeLessThanOrEqual(86_400_000 / WAIT_MS + 3 * 16);
  expect(held).toBeGreaterThan(1_000);
  expect(() => offers.assertMayAsk(key('honest'))).not.toThrow();
});

it('a key may let a few run out', () => {
  const { offers, pass } = open();
  for (let i = 0; i < 16; i++) offers.note(key('a'));
  expect(() => offers.assertMayAsk(key('a'))).not.toThrow();
  offers.note(key('a'));
  expect(() => offers.assertMayAsk(key('a'))).toThrow(/too many offers/);
  pass(WAIT_MS);
  expect(() => offers.assertMayAsk(key('a'))).not.toThrow();
});
