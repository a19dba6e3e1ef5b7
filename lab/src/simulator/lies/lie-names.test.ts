import { describe, expect, it } from 'vitest';
import { ATTACK_NAMES, ATTACKS } from '../../attackers/catalogue.ts';
import { COHORT_ATTACKS } from '../../attackers/cohort/catalogue.ts';
import { PICTURE_ATTACKS } from '../../attackers/trajectory/catalogue.ts';
import { drawPlan } from '../plan.ts';
import {
  ANSWER_ATTACKS,
  CHAIN_LIE,
  COHORT_LIES,
  FORGING,
  indexOf,
  LIES,
  LYING_ROLES,
  listCohortLies,
  MONEY_LIES,
  mostLiars,
  PICTURE_LIE,
  ROW_LIES,
  roleOf,
  THRESHOLD_LIES,
} from './lie-names.ts';

const options = {
  ...{ minutes: 1, validators: 4, providers: 3, gateways: 2, routers: 2 },
  ...{ requestsPerMinute: 10, epochMs: 5_000, faultsPerMinute: 0, liars: undefined },
};

describe('lies of a run', () => {
  it('are attacks of the catalogue, where they are told in answers', () => {
    expect(ANSWER_ATTACKS.filter((name) => !ATTACK_NAMES.includes(name))).toEqual([]);
    const weights = ATTACKS.filter(({ family }) => family === 'weights').map(({ name }) => name);
    const others = [...FORGING].filter((name) => !weights.includes(name));
    expect(others.filter((name) => !ROW_LIES.has(name))).toEqual([PICTURE_LIE]);
    expect(PICTURE_ATTACKS.map(({ name }) => name)).toContain(PICTURE_LIE);
  });

  it('leave of each role as many honest as its promises need', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const { liars } = drawPlan({ ...options, seed });
      for (const role of LYING_ROLES) {
        const count = role === 'validator' ? 4 : role === 'provider' || role === 'verifier' ? 3 : 2;
        const lying = liars.filter(({ machine }) => roleOf(machine) === role);
        expect(lying.length, `${role} of seed ${seed}`).toBeLessThanOrEqual(mostLiars(role, count));
        expect(new Set(lying.map(({ machine }) => machine)).size).toBe(lying.length);
        for (const { how } of lying) seen.add(how);
      }
    }
    for (const role of ['validator', 'verifier', 'gateway', 'router'] as const) {
      expect(LIES[role].filter((how) => !seen.has(how))).toEqual([]);
    }
  });

  it('are those of members where providers serve in cohorts, and leave each slab an honest provider', () => {
    const attacks = COHORT_ATTACKS.map(({ name }) => name);
    const known = [...COHORT_LIES.shard, ...COHORT_LIES.leader];
    expect(known.filter((name) => !attacks.includes(name))).toEqual(['garbles-roots', 'swap-without-root']);
    const needRows = COHORT_ATTACKS.flatMap(({ name, needsRows }) => (needsRows ? [name] : []));
    expect(listCohortLies(0)).toEqual(COHORT_LIES.shard.filter((name) => !needRows.includes(name)));
    const told = new Set<string>();
    const runs = { ...options, providers: 9, beacon: 'drawn', isVaried: true } as const;
    for (let seed = 0; seed < 200; seed++) {
      const { liars, ...plan } = drawPlan({ ...runs, seed, hasCohorts: true });
      const { hasCohorts, providers, canaryRate, newcomers, unstaked } = plan;
      const rules = { canaryRate, newcomers, unstaked };
      expect({ hasCohorts, providers, ...rules }).toEqual({ hasCohorts: true, providers: 9 });
      const lying = liars.filter(({ machine }) => roleOf(machine) === 'provider');
      for (const { machine, how } of lying) {
        expect(listCohortLies(indexOf(machine))).toContain(how);
        told.add(how);
      }
      expect(lying.every(({ machine }) => ['provider-0', 'provider-1', 'provider-2'].includes(machine))).toBe(true);
      const judges = ['6', '7', '8'];
      expect(liars.filter(({ machine }) => judges.some((i) => machine === `verifier-${i}`))).toEqual([]);
    }
    expect([...told].sort()).toEqual([...COHORT_LIES.shard, ...COHORT_LIES.leader].sort());
    const drawn = Array.from({ length: 200 }, (_, seed) => drawPlan({ ...runs, providers: 3, seed })).filter(
      ({ hasCohorts }) => hasCohorts,
    );
    expect(drawn.length).toBeGreaterThan(8);
    expect(drawn.every(({ providers }) => providers === 6)).toBe(true);
  });

  it('act in a league in some runs', () => {
    const leagues = Array.from({ length: 100 }, (_, seed) => drawPlan({ ...options, seed })).filter(({ liars }) =>
      liars.some(({ how }) => how === 'agrees'),
    );
    expect(leagues.length).toBeGreaterThan(15);
    for (const { liars } of leagues) expect(liars.map(({ how }) => how)).toContain('squats');
  });

  it('are others where runs are varied, and leave honest most of the verifiers that are drawn', () => {
    const plans = Array.from({ length: 300 }, (_, seed) =>
      drawPlan({ ...options, providers: 5, validators: 7, seed, beacon: 'drawn', isVaried: true }),
    );
    const told = new Set(plans.flatMap(({ liars }) => liars.map(({ how }) => how)));
    expect([...THRESHOLD_LIES, CHAIN_LIE, ...MONEY_LIES].filter((how) => !told.has(how))).toEqual([]);
    for (const { seed, liars, unstaked = [], isThreshold } of plans) {
      const drawn = [0, 1, 2, 3, 4].filter((i) => !unstaked.includes(`provider-${i}`));
      const lying = drawn.filter((i) => liars.some(({ machine }) => machine === `verifier-${i}`));
      expect([seed, drawn.length > 1, 2 * lying.length < drawn.length]).toEqual([seed, true, true]);
      const isAboutKey = liars.some(({ how }) => (THRESHOLD_LIES as readonly string[]).includes(how));
      expect(isAboutKey && !isThreshold, `seed ${seed}`).toBe(false);
    }
    expect(plans.some(({ unstaked }) => unstaked)).toBe(true);
    const staked = plans.filter(({ stakes }) => stakes);
    expect(staked.length).toBeGreaterThan(30);
    for (const { seed, stakes = [], liars, isThreshold } of staked) {
      const sum = (all: readonly number[]): number => all.reduce((total, stake) => total + stake, 0);
      const theirs = sum(stakes.filter((_, i) => liars.some(({ machine }) => machine === `validator-${i}`)));
      const part = theirs / sum(stakes);
      const most = isThreshold ? 1 / 4 : 1 / 3;
      expect([seed, part < most, part > most - 0.01]).toEqual([seed, true, true]);
    }
    expect(plans.some(({ alpha = 1 }) => alpha < 0.5)).toBe(true);
    expect(plans.some(({ timedRate }) => timedRate)).toBe(true);
    const leagues = plans.filter(({ liars, hasCohorts }) => !hasCohorts && liars.some(({ how }) => how === 'agrees'));
    for (const { liars } of leagues) expect(liars.filter(({ how }) => how === 'substitute')).toHaveLength(2);
  });
});
