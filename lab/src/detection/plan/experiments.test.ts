import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import { describe, expect, it } from 'vitest';
import { ATTACKS } from '../../attackers/catalogue.ts';
import { BETWEEN_BACKENDS, isBetweenBackends, listAttackExperiments, listHonestExperiments } from './experiments.ts';
import { PROFILES } from './profiles.ts';

/** Three fifths are held out: two halves of a hundred that rank each other, with a tail of fifty in a quarter. */
const FOR_LIVES = 334;
/** A hundred held out, for a rank of 1e-2. */
const FOR_RANKS = 166;

describe.each(Object.values(PROFILES))('the profile $name', (profile) => {
  it('samples enough replies of another pair of classes for its rows, or none', () => {
    const { usual, any } = profile.otherPairs;
    expect(usual + any === 0 || usual + any >= FOR_LIVES).toBe(true);
    const { seen, served, attack } = profile.betweenBackends;
    expect([seen, served, attack].every((count) => count === 0) || (seen >= FOR_LIVES && served >= FOR_RANKS)).toBe(
      true,
    );
  });

  it('samples only first windows in F16 between back ends, and only the closest cheats', () => {
    const honest = listHonestExperiments(profile).filter(isBetweenBackends);
    const attacks = listAttackExperiments(profile, ATTACKS).filter(isBetweenBackends);
    const isSampled = profile.betweenBackends.attack > 0;
    expect(honest.map(({ provider, verifier }) => ({ provider, verifier }))).toEqual(isSampled ? BETWEEN_BACKENDS : []);
    expect(attacks.map(({ source }) => source).sort()).toEqual(
      isSampled ? ['kv-q8-0', 'weights-fine-tune-1e-3', 'weights-noise-1e-3', 'weights-q8-0'] : [],
    );
    for (const { weights, maxTokens } of [...honest, ...attacks]) {
      expect([weights, maxTokens]).toEqual(['f16', WINDOW_TOKENS]);
    }
  });
});
