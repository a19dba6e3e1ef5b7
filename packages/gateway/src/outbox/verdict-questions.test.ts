import { describe, expect, it } from 'vitest';
import { createQuestions } from './verdict-questions.ts';

/** Whether an order was due, and then is asked about. */
function openQuestions(...given: Parameters<typeof createQuestions>) {
  const { isDue, asked, forget } = createQuestions(...given);
  const take = (replyId: string): boolean => {
    const is = isDue(replyId);
    if (is) asked(replyId);
    return is;
  };
  return { take, forget };
}

describe('questions about an order', () => {
  it('grow rarer the longer it waits, and are never put off by more than a quarter of that', () => {
    let nowMs = 1_000;
    const { take } = openQuestions(2_000, { nowMs: () => nowMs });
    const asked: number[] = [];
    for (; nowMs < 1_001_000; nowMs += 500) if (take('a')) asked.push(nowMs - 1_000);
    expect(asked.length).toBeLessThan(40);
    expect(asked.slice(0, 4)).toEqual([0, 1_000, 2_000, 3_000]);
    for (const [i, ms] of asked.slice(1).entries()) {
      expect(ms - (asked[i] as number)).toBeLessThanOrEqual(Math.max(1_000, (asked[i] as number) / 4 + 500));
    }
  });

  it('begin anew for one that is forgotten, and are each order’s own', () => {
    const { take, forget } = openQuestions(2_000, { nowMs: () => 5 });
    expect(['a', 'a', 'b'].map((id) => take(id))).toEqual([true, false, true]);
    forget('a');
    expect(['a', 'b'].map((id) => take(id))).toEqual([true, false]);
  });
});
