import { describe, expect, it } from 'vitest';
import { createPromptMeter } from './prompt-meter.ts';

const bill = (providerId: string, promptTokens: number, requestBytes = 1_000, model = 'm') => ({
  ...{ model, providerId, requestBytes, promptTokens },
});

/** A meter with eight honest prompts of two providers, a token for each four bytes. */
function createFilled() {
  const meter = createPromptMeter();
  for (let i = 0; i < 8; i++) meter.isOdd(bill(i % 2 ? 'a' : 'b', 200 + 25 * (i % 3), 900 + 25 * i));
  return meter;
}

describe('a meter of billed prompts', () => {
  it('finds a prompt billed at a token for each byte', () => {
    expect(createFilled().isOdd(bill('c', 1_000))).toBe(true);
  });

  it.each([
    ['an honest prompt', bill('c', 250)],
    ['a denser text', bill('c', 380)],
    ['another size', bill('c', 4_000, 4_000)],
    ['another model', bill('c', 1_000, 1_000, 'n')],
  ])('passes %s', (_what, prompt) => {
    expect(createFilled().isOdd(prompt)).toBe(false);
  });

  it('compares no provider with itself, and nobody with a single other one', () => {
    const meter = createPromptMeter();
    for (let i = 0; i < 8; i++) expect(meter.isOdd(bill('a', 1_000))).toBe(false);
    expect(meter.isOdd(bill('b', 4_000))).toBe(false);
  });

  it('does not let one liar that came first excuse itself', () => {
    const meter = createPromptMeter();
    meter.isOdd(bill('c', 1_000));
    for (let i = 0; i < 8; i++) meter.isOdd(bill(i % 2 ? 'a' : 'b', 250));
    expect(meter.isOdd(bill('c', 1_000))).toBe(true);
  });

  it('remembers a bounded number of prompts and models', () => {
    const meter = createFilled();
    for (let i = 0; i < 1_000; i++) meter.isOdd(bill('a', 250, 1_000, `model ${i}`));
    expect(meter.isOdd(bill('c', 1_000))).toBe(false);
  });
});
