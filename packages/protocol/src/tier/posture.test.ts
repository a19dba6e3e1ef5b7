import { describe, expect, it } from 'vitest';
import { checkPosture, describePosture, findEngineProblem, readPosture } from './posture.ts';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const INEXACT = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';

describe('a posture', () => {
  it.each([
    ['verified', 'draw-replay', EXACT],
    ['verified', 'draw-replay', INEXACT],
    ['vanilla', 'signature', INEXACT],
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
    ['proof', 'draw-replay', EXACT, /not served yet: it takes a check of zero-knowledge proofs/],
    ['proof', 'none', EXACT, /not served yet/],
    ['vanilla', 'signature', EXACT, /takes no exact class/],
    ['vanilla', 'draw-replay', INEXACT, /checked by signature/],
    ['verified', 'signature', INEXACT, /checked by draw-replay/],
    ['toString', 'draw-replay', EXACT, /no tier is called/],
    ['Replay', 'exact-replay', EXACT, /no tier is called "Replay": there are verified, replay/],
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
    expect(say('proof', EXACT)).toMatch(/is not served yet/);
  });
});

describe('an engine', () => {
  it.each([
    ['verified', INEXACT, false, undefined],
    ['replay', EXACT, true, undefined],
    ['replay', EXACT, false, /was not seen to reproduce itself bit for bit.*or in tier verified$/],
    ['replay', INEXACT, true, /needs a numeric class/],
    ['proof', EXACT, true, /not served yet/],
    ['nothing', EXACT, true, /no tier is called/],
  ])('in tier %s, of class %s, seen to be exact %s', (tier, numericClass, exact, words) => {
    const problem = findEngineProblem(tier, { numericClass, exact });
    if (words === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(words);
  });
});
