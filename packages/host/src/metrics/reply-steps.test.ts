import { describe, expect, it } from 'vitest';
import { createReplySteps, nameFailure } from './reply-steps.ts';

const idOf = (n: number): string => n.toString(16).padStart(32, '0');

function openSteps() {
  let nowMs = 1_000;
  const clock = { nowMs: () => nowMs };
  return {
    steps: createReplySteps(clock),
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

describe('steps of replies', () => {
  it('are kept by reply, in the order in which they ended', async () => {
    const { steps, pass } = openSteps();
    steps.add(idOf(1), 'order');
    await steps.run(
      idOf(1),
      'answer',
      async () => pass(50),
      () => ({ attributes: { tokens: 3 } }),
    );
    steps.add(new Uint8Array(16).fill(2), 'order');
    expect(steps.find(idOf(1))).toEqual([
      { replyId: idOf(1), name: 'order', startMs: 1_000, endMs: 1_000, attributes: {} },
      { replyId: idOf(1), name: 'answer', startMs: 1_000, endMs: 1_050, attributes: { tokens: 3 } },
    ]);
    expect(steps.newest()).toEqual(['02'.repeat(16), idOf(1)]);
  });

  it('say how a step failed by a code, and never by a message, which may quote a stranger', async () => {
    const { steps } = openSteps();
    const refused = Object.assign(new Error('the prompt "secret" is too long'), { code: 'too-long' });
    await expect(steps.run(idOf(1), 'serve', () => Promise.reject(refused))).rejects.toBe(refused);
    expect(steps.find(idOf(1))[0]?.failure).toBe('too-long');
    expect(JSON.stringify(steps.find(idOf(1)))).not.toContain('secret');
    expect([new Error('x'), { code: 'Not A Code' }, undefined, { code: 7 }].map(nameFailure)).toEqual(
      Array(4).fill('failed'),
    );
    expect(nameFailure({ code: 5, refusal: 'not-admitted' })).toBe('not-admitted');
  });

  it('are bounded: the oldest replies go, and one reply has no more than 64', () => {
    const { steps } = openSteps();
    for (let n = 0; n < 1_200; n++) steps.add(idOf(n), 'order');
    expect(steps.newest()).toHaveLength(1_000);
    expect([steps.find(idOf(199)), steps.find(idOf(200))].map(({ length }) => length)).toEqual([0, 1]);
    for (let n = 0; n < 100; n++) steps.add(idOf(1_199), 'ask');
    expect(steps.find(idOf(1_199))).toHaveLength(64);
  });

  it('ignore a text that is no reply id', () => {
    const { steps } = openSteps();
    for (const id of [new Uint8Array(32), 'x', '']) steps.add(id, 'order');
    expect(steps.newest()).toEqual([]);
  });
});
