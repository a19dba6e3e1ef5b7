import { describe, expect, it } from 'vitest';
import { listBroken } from './gate.ts';
import type { AttackRow, DetectionResults } from './results.ts';

const all = { value: 1, low: 0.5, high: 1, of: 5 };
const none = { value: 0, low: 0, high: 0.5, of: 5 };
const attack = {
  attack: 'weights-q4-0',
  weights: 'q8_0',
  family: 'weights',
  stage1: none,
  equality: { differ: all, medianToken: 0, lastToken: 1 },
  caughtBy: { likelihood: 5 },
} as unknown as AttackRow;
const good: Pick<DetectionResults, 'stage1' | 'equality' | 'attacks'> = {
  stage1: [{ source: 'f16/honest', tokens: 10, replies: 1, mismatches: 0, usPerToken: 4 }],
  equality: [{ backend: 'cpu', weights: 'f16', variant: 'a', tokens: 10, differing: 0 }],
  attacks: [attack],
};

describe('the gate', () => {
  it('finds nothing if everything holds', () => expect(listBroken(good)).toEqual([]));

  it('names an honest reply that stage 1 refutes', () => {
    const stage1 = [{ source: 'f16/honest', tokens: 10, replies: 4, mismatches: 1, usPerToken: 4 }];
    expect(listBroken({ ...good, stage1 })).toEqual(['f16/honest: stage 1 refutes 1 of 4 honest replies']);
  });

  it('names an honest reply that differs in an exact class', () => {
    const equality = [{ ...good.equality[0]!, differing: 2 }];
    expect(listBroken({ ...good, equality })).toHaveLength(1);
  });

  it('names a weight attack if one of its replies passes for the sold model', () => {
    const some = { ...attack, equality: { ...attack.equality!, differ: { ...all, value: 0.8 } } };
    expect(listBroken({ ...good, attacks: [some] })[0]).toContain('bit for bit');
    const elsewhere = { ...attack, vulkan: some.equality };
    expect(listBroken({ ...good, attacks: [elsewhere] })[0]).toContain('on Vulkan');
    expect(listBroken({ ...good, attacks: [{ ...some, attack: 'sliding-window-128' }] })).toEqual([]);
    expect(listBroken({ ...good, attacks: [{ ...some, family: 'sampling' }] })).toEqual([]);
  });

  it('names an attack on the prompt that changes nothing', () => {
    const nothing = { ...attack.equality!, differ: none };
    const dropped = { ...attack, attack: 'dropped-tool', family: 'sampling', equality: nothing } as AttackRow;
    expect(listBroken({ ...good, attacks: [dropped] })[0]).toContain('bit for bit');
  });

  it('fails if nothing was measured', () => {
    expect(listBroken({ stage1: [], equality: [], attacks: [] })).toEqual([
      'too little was sampled to tell: no honest reply in an exact class; run it longer (--minutes), or again: it goes on',
    ]);
  });
});
