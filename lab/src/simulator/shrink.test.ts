import { describe, expect, it } from 'vitest';
import { drawPlan, type Plan } from './plan.ts';
import { shrinkPlan } from './shrink.ts';

const plan = drawPlan({
  ...{ seed: 1, minutes: 2, validators: 7, providers: 2, gateways: 1 },
  ...{ routers: 2, requestsPerMinute: 10, epochMs: 5_000, faultsPerMinute: 8, liars: undefined },
});
const isCrash = (fault: Plan['faults'][number]): boolean => fault.kind === 'crash';

describe('shrinking a plan', () => {
  it('keeps what the failure takes, and drops the rest', async () => {
    const fails = async ({ faults, liars }: Plan): Promise<boolean> =>
      faults.filter(isCrash).length >= 2 && liars.length >= 1;
    expect(await fails(plan)).toBe(true);
    const smaller = await shrinkPlan(plan, { fails, budget: 200 });
    expect(smaller.faults.map(({ kind }) => kind)).toEqual(['crash', 'crash']);
    expect(smaller.liars).toHaveLength(1);
    expect(smaller.requests).toEqual([]);
    expect(smaller.seed).toBe(plan.seed);
  });

  it('stops at its budget', async () => {
    let runs = 0;
    const fails = async (): Promise<boolean> => {
      runs++;
      return false;
    };
    expect(await shrinkPlan(plan, { fails, budget: 5 })).toEqual(plan);
    expect(runs).toBe(5);
  });
});

describe('a drawn plan', () => {
  it('follows from its seed', () => {
    const options = {
      minutes: 1,
      validators: 4,
      providers: 0,
      gateways: 0,
      routers: 1,
      requestsPerMinute: 0,
      epochMs: 5_000,
    };
    const draw = (seed: number): Plan => drawPlan({ ...options, seed, faultsPerMinute: 6, liars: undefined });
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it('never has a third of the validators lie', () => {
    for (let validators = 1; validators <= 16; validators++) {
      const options = { seed: validators, minutes: 1, validators, providers: 0, gateways: 0, routers: 1 };
      const { liars } = drawPlan({ ...options, requestsPerMinute: 0, epochMs: 1, faultsPerMinute: 0, liars: 99 });
      expect(3 * liars.length).toBeLessThan(validators);
    }
  });
});
