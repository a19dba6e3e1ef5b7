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
  stage1: [{ source: 'f16/honest', tokens: 10, replies: 1, mismatches: 0 }],
  equality: [{ backend: 'cpu', weights: 'f16', variant: 'a', tokens: 10, differing: 0 }],
  attacks: [attack],
};
const definitions = [{ name: 'weights-q4-0', caughtBy: ['equality'] }];

describe('the gate', () => {
  it('is silent where everything holds', () => expect(listBroken(good, definitions)).toEqual([]));

  it('names an honest reply that stage 1 refutes', () => {
    const stage1 = [{ source: 'f16/honest', tokens: 10, replies: 4, mismatches: 1 }];
    expect(listBroken({ ...good, stage1 }, definitions)).toEqual(['f16/honest: stage 1 refutes 1 of 4 honest replies']);
  });

  it('names an honest reply that differs in an exact class', () => {
    const equality = [{ ...good.equality[0]!, differing: 2 }];
    expect(listBroken({ ...good, equality }, definitions)).toHaveLength(1);
  });

  it('names an attack that nothing sees, unless it says so itself', () => {
    const unseen = { ...attack, family: 'sampling', equality: { ...attack.equality!, differ: none } };
    expect(listBroken({ ...good, attacks: [unseen] }, definitions)[0]).toContain('no check');
    expect(listBroken({ ...good, attacks: [unseen] }, [{ name: 'weights-q4-0', caughtBy: [] }])).toEqual([]);
    const plain = { ...unseen, caughtBy: { 'response-text': 1 } };
    expect(listBroken({ ...good, attacks: [plain] }, definitions)).toEqual([]);
  });

  it('names a weight attack of which one reply passes for the sold model', () => {
    const some = { ...attack, equality: { ...attack.equality!, differ: { ...all, value: 0.8 } } };
    expect(listBroken({ ...good, attacks: [some] }, definitions)[0]).toContain('bit for bit');
  });

  it('does not take nothing for good', () => {
    expect(listBroken({ stage1: [], equality: [], attacks: [] }, definitions)).toEqual(['nothing honest was measured']);
  });
});
