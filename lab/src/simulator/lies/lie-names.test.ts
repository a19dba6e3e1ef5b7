import { describe, expect, it } from 'vitest';
import { ATTACK_NAMES, ATTACKS } from '../../attackers/catalogue.ts';
import { drawPlan } from '../plan.ts';
import { ANSWER_ATTACKS, FORGING, LIES, LYING_ROLES, mostLiars, roleOf } from './lie-names.ts';

const options = {
  ...{ minutes: 1, validators: 4, providers: 3, gateways: 2, routers: 2 },
  ...{ requestsPerMinute: 10, epochMs: 5_000, faultsPerMinute: 0, liars: undefined },
};

describe('lies of a run', () => {
  it('are attacks of the catalogue, where they are told in answers', () => {
    expect(ANSWER_ATTACKS.filter((name) => !ATTACK_NAMES.includes(name))).toEqual([]);
    const weights = ATTACKS.filter(({ family }) => family === 'weights').map(({ name }) => name);
    expect([...FORGING].filter((name) => !weights.includes(name))).toEqual([]);
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

  it('act in a league in some runs', () => {
    const leagues = Array.from({ length: 100 }, (_, seed) => drawPlan({ ...options, seed })).filter(({ liars }) =>
      liars.some(({ how }) => how === 'agrees'),
    );
    expect(leagues.length).toBeGreaterThan(15);
    for (const { liars } of leagues) expect(liars.map(({ how }) => how)).toContain('squats');
  });
});
