import { createNewcomerBudget, NEWCOMER_LIMITS } from '@ogong/host/link/newcomer-budget';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { createTestClock, createTestValidator, payer } from '@ogong/testing/validator/test-bench';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';

const from = (group: string) => ({ peer: new Uint8Array(32), group });
const key = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const stranger = (number: number) => createTestLedgerSigner(seedOf(`stranger ${number}`));

/** One order in a thousand seconds beyond the bursts. */
const SLOW = 0.001;
const LIMITS = {
  ofAddress: { perSecond: SLOW, burst: 3 },
  ofStrangers: { perSecond: SLOW, burst: 4 },
  ofProvider: { perSecond: SLOW, burst: 2 },
  ofProviders: { perSecond: SLOW, burst: 3 },
};

describe('the budget of payers that have never paid', () => {
  it('is one of each address, of each provider, and of all of either kind', () => {
    const budget = createNewcomerBudget(LIMITS, createTestClock());
    const count = (take: () => boolean) => Array.from({ length: 9 }, take).filter(Boolean).length;
    expect([count(() => budget.enter('a')), count(() => budget.enter('b'))]).toEqual([3, 3]);
    expect(count(() => budget.takeReading(undefined))).toBe(4);
    expect([1, 2, 3].map((one) => count(() => budget.takeReading(key(one))))).toEqual([2, 1, 0]);
  });

  it('fills again with time, and an order that a known payer signed takes nothing', () => {
    const clock = createTestClock();
    const budget = createNewcomerBudget(NEWCOMER_LIMITS, clock);
    const { burst, perSecond } = NEWCOMER_LIMITS.ofAddress;
    for (let i = 0; i < 10 * burst; i++) {
      expect(budget.enter('a')).toBe(true);
      budget.excuse('a');
    }
    const enterAll = () => Array.from({ length: burst }, () => budget.enter('a')).filter(Boolean).length;
    expect(enterAll()).toBe(burst);
    expect(enterAll()).toBe(0);
    clock.advance(1_000);
    expect(enterAll()).toBe(perSecond);
  });
});

describe('an address whose orders are admitted', () => {
  const takeAll = (budget: ReturnType<typeof createNewcomerBudget>, address: string): number => {
    let taken = 0;
    while (taken < 5_000 && budget.enter(address)) taken++;
    return taken;
  };

  it('may bring as many together as were admitted, and uses that up by those that are not', () => {
    const budget = createNewcomerBudget(LIMITS, createTestClock());
    expect(takeAll(budget, 'a')).toBe(3);
    for (let i = 0; i < 3; i++) budget.welcome('a');
    // Three that were given back, and three that were earned.
    expect(takeAll(budget, 'a')).toBe(6);
    expect(takeAll(budget, 'a')).toBe(0);
    expect(takeAll(budget, 'b')).toBe(3);
  });

  it('earns no more than a thousand places, and an excused order none', () => {
    const budget = createNewcomerBudget(LIMITS, createTestClock());
    for (let i = 0; i < 3_000; i++) budget.welcome('a');
    expect(takeAll(budget, 'a')).toBe(1_024 + LIMITS.ofAddress.burst);
    for (let i = 0; i < 100; i++) budget.excuse('b');
    expect(takeAll(budget, 'b')).toBe(LIMITS.ofAddress.burst);
  });

  it('makes room for others once there are too many', () => {
    const budget = createNewcomerBudget(LIMITS, createTestClock());
    for (let i = 0; i < 4_097; i++) budget.welcome(`address ${i}`);
    expect(takeAll(budget, 'address 0')).toBe(LIMITS.ofAddress.burst);
    expect(takeAll(budget, 'address 4096')).toBe(LIMITS.ofAddress.burst + 1);
  });
});

describe('a validator whom payers without money ask', () => {
  /** Its escrow holds money of one payer. */
  function openValidator(limits = LIMITS) {
    const readings: Uint8Array[] = [];
    const validator = createTestValidator({
      newcomers: limits,
      async channel(who) {
        readings.push(who);
        const spendable = equalBytes(who, payer.address) ? 10n ** 18n : 0n;
        return { spendable, spent: 0n, admitted: spendable, releasing: 0n, releasableAt: 0n };
      },
    });
    return { validator, readings };
  }

  it('reads the chain for few of them, and admits the orders of payers that it knows meanwhile', async () => {
    const { validator, readings } = openValidator();
    const { intake } = validator;
    // Its first order is one of the budget.
    await intake.admit(validator.order(0), from('10.0.1.1'));
    const outcomes: string[] = [];
    for (let i = 0; i < 10 * LIMITS.ofStrangers.burst; i++) {
      const order = validator.order(i, {}, stranger(i));
      await intake.admit(order, from(`10.0.0.${i}`)).catch(({ message }) => outcomes.push(message));
    }
    expect(outcomes.length).toBe(40);
    expect(readings.length).toBe(LIMITS.ofStrangers.burst);
    expect(outcomes.filter((one) => one.includes('have never paid here')).length).toBe(37);
    // More than any budget, from two addresses of the flood.
    for (let i = 1; i < 20; i++) await intake.admit(validator.order(i), from(`10.0.0.${i % 2}`));
  });

  it('checks few orders of one address, and those of others meanwhile', async () => {
    const { validator, readings } = openValidator({ ...LIMITS, ofStrangers: { perSecond: SLOW, burst: 100 } });
    const admit = (number: number, group: string) =>
      validator.intake
        .admit(validator.order(number, {}, stranger(number)), from(group))
        .catch(({ message }) => message);
    const outcomes: string[] = [];
    for (let i = 0; i < 30; i++) outcomes.push(await admit(i, '10.0.0.1'));
    expect(outcomes.filter((one) => one.includes('without a payer that has paid here')).length).toBe(27);
    expect(readings.length).toBe(3);
    expect(await admit(30, '10.0.0.2')).toContain('allowance-exceeded');
  });

  it('counts repeated orders and refused ones of payers that it knows', async () => {
    const { validator } = openValidator();
    const { intake } = validator;
    await intake.admit(validator.order(0), from('10.0.0.1'));
    for (let i = 0; i < 3; i++) await intake.admit(validator.order(0), from('10.0.0.2'));
    await expect(intake.admit(validator.order(0), from('10.0.0.2'))).rejects.toThrow(
      'without a payer that has paid here',
    );
    const tooMuch = () =>
      intake.admit(
        validator.order(1, { maxFeeAtomic: 10n ** 19n, cumulativeAtomic: 2n * 10n ** 19n }),
        from('10.0.0.3'),
      );
    for (let i = 0; i < 3; i++) await expect(tooMuch()).rejects.toThrow('allowance-exceeded');
    await expect(tooMuch()).rejects.toThrow('without a payer that has paid here');
  });
});
