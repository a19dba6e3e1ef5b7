import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, describe, expect, it } from 'vitest';
import type { AttackDefinition } from './attack.ts';
import { ATTACKS, findAttack, MISSING } from './catalogue.ts';
import { playTrial } from './trial.ts';
import { REQUEST_LISTS, requestsFor } from './trial-requests.ts';

const options = { contextSize: 512 };
const engine = createFakeEngine({ ...options, weights: 1 });
const verifier = createFakeEngine({ ...options, weights: 1 });
/** A cheaper model: the same vocabulary, another distribution. */
const cheapEngine = createFakeEngine({ ...options, weights: 2 });
/** A model that is hard to tell from the sold one. */
const nearEngine = createFakeEngine({ ...options, weights: 1, error: 2 });
afterAll(() => Promise.all([engine, verifier, cheapEngine, nearEngine].map((each) => each.close())));

/** With a fake model, attacks that differ only in their cheap model are the same attack. One of them is played. */
const isPlayed = ({ name }: AttackDefinition): boolean =>
  !/^(weights|prefill|massaged|massaged-knowing|massaged-careful|massaged-hidden)-/.test(name) ||
  name.endsWith('-q8-0');

describe('an honest provider', () => {
  it.each(Object.entries(REQUEST_LISTS))('passes everything that is asked of an attacker: %s', async (_, requests) => {
    for (const [number, request] of requests.entries()) {
      const trial = await playTrial({ engine }, { verifier, number, request });
      expect(trial.failed, `reply ${number}`).toEqual([]);
      expect(trial.stage2?.outcome).toBe('accept');
    }
  });
});

describe('the catalogue', () => {
  it('names each attack once, with its aim, and says why where no check sees it', () => {
    const names = [...ATTACKS.map(({ name }) => name), ...Object.keys(MISSING)];
    expect(new Set(names).size).toBe(names.length);
    for (const { name, aim, caughtBy, uncaught } of ATTACKS) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(aim.length, name).toBeGreaterThan(10);
      if (caughtBy.length === 0) expect(uncaught, name).toBeDefined();
    }
  });

  it('refuses an unknown name', () => {
    expect(() => findAttack('nothing')).toThrow(RangeError);
  });

  it('names the cheap model of every attack that decodes with one', () => {
    for (const attack of ATTACKS) {
      const needsCheap = (() => {
        try {
          attack.create({ engine });
          return false;
        } catch {
          return true;
        }
      })();
      expect(needsCheap, attack.name).toBe(attack.cheap !== undefined);
    }
  });
});

describe('a verifier in the exact class', () => {
  it.each(ATTACKS.filter(isPlayed).map((attack) => [attack.name, attack] as const))(
    '%s: sees what it should',
    async (_, definition) => {
      const cheap = definition.name.startsWith('massaged') ? nearEngine : cheapEngine;
      const attack = definition.create({ engine, cheapEngine: cheap, seed: 1 });
      const failed = new Set<string>();
      for (const [number, request] of requestsFor(definition).entries()) {
        const trial = await playTrial(attack, { verifier, number, request });
        for (const id of trial.failed) failed.add(id);
      }
      const shown = `failed: ${[...failed].join(', ')}; did: ${JSON.stringify(attack.counts?.() ?? {})}`;
      expect(
        [...failed].filter((id) => !definition.caughtBy.includes(id)),
        shown,
      ).toEqual([]);
      if (definition.caughtBy.length > 0) expect(failed.size, shown).toBeGreaterThan(0);
    },
  );
});
