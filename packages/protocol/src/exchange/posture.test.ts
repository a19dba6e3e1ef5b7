import { describe, expect, it } from 'vitest';
import { TIERS } from './match.ts';
import { checkPosture, describePosture, findTierProblem, isExactClass, readPosture, TIER_METHODS } from './posture.ts';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const INEXACT = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';

describe('the class of a reply', () => {
  it.each([
    EXACT,
    'llama.cpp-0.5.0/cpu/haswell/exact-2/f16/kv-f16',
    'llama.cpp-0.5.0/cpu/haswell/reference/q8_0/kv-f16',
    'llama.cpp-0.5.0/vulkan/nvidia_h200-550.1/shaped/f16/kv-f16/no-fa',
    'fake-1/js/f64/exact/hash/kv-none',
  ])('is exact: %s', (numericClass) => expect(isExactClass(numericClass)).toBe(true));

  it.each([
    INEXACT,
    'llama.cpp-0.5.0/cpu/haswell/plain/q8_0/kv-f16',
    `${EXACT}/no-fa`,
    `${EXACT}/unified`,
    'llama.cpp-0.5.0/cpu/haswell/reference/f16/kv-f16/unified',
    `${EXACT}/unified/no-fa`,
    ...['f32', 'f16', 'bf16'].map((weights) => `llama.cpp-0.5.0/cpu/haswell/reference/${weights}/kv-f16`),
    ...['64', '0', '03', ''].map((n) => `${EXACT}/window-${n}`),
    'llama.cpp-0.5.0/vulkan/nvidia/exact/q8_0/kv-f16/unified',
    `${EXACT}/unproven`,
    'llama.cpp-0.5.0/cpu/haswell/shaped/f16/kv-f16/no-fa/window-8',
    'exact',
    'a/b/exact',
    'a/b/c/inexact/d',
    'a/b/c/exactly/d',
    'a/b/c/exact-/d',
    'a/b/c/ exact/d',
    'a/b/c//d/exact',
    '',
  ])('is not exact: "%s"', (numericClass) => expect(isExactClass(numericClass)).toBe(false));
});

describe('a posture', () => {
  it.each([
    ['verified', 'draw-replay', EXACT],
    ['verified', 'draw-replay', INEXACT],
    ['replay', 'exact-replay', EXACT],
  ])('holds: %s by %s in %s', (tier, method, numericClass) => {
    const posture = { tier, method, numericClass };
    expect(checkPosture(posture)).toMatchObject({ id: 'posture', status: 'pass' });
    for (const word of [tier, method, numericClass]) expect(describePosture(readPosture(posture))).toContain(word);
  });

  it.each([
    ['replay', 'exact-replay', INEXACT, /needs a numeric class/],
    ['replay', 'draw-replay', EXACT, /checked by exact-replay/],
    ['verified', 'exact-replay', EXACT, /checked by draw-replay/],
    ['verified', '', EXACT, /checked by draw-replay/],
    ['tee', 'draw-replay', EXACT, /no method/],
    ['proof', 'none', EXACT, /no method/],
    ['toString', 'draw-replay', EXACT, /no method/],
    ['Replay', 'exact-replay', EXACT, /no method/],
  ])('contradicts itself: %s by %s in %s', (tier, method, numericClass, words) => {
    expect(checkPosture({ tier, method, numericClass })).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(words),
    });
  });

  it('says of every one whether an audit can compare bit for bit', () => {
    const say = (tier: string, numericClass: string) =>
      describePosture(readPosture({ tier, method: 'm', numericClass }));
    expect(say('replay', EXACT)).toMatch(/accepts only what that class reproduces/);
    expect(say('verified', EXACT)).toMatch(/any other statistically/);
    expect(say('verified', INEXACT)).toMatch(/^tier verified, method m, inexact class .* compares statistically$/);
  });

  it('knows a method for every tier that it can check, and only for those', () => {
    expect(TIERS.filter((tier) => findTierProblem(tier, EXACT) === undefined)).toEqual(
      TIERS.filter((tier) => TIER_METHODS[tier] !== undefined),
    );
  });
});
