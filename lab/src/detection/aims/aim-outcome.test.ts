import { describe, expect, it } from 'vitest';
import { judgeAll, judgeShare, judgeTokens } from './aim-outcome.ts';

const share = (low: number, high: number, of = 10) => ({ value: (low + high) / 2, low, high, of });

describe('a share', () => {
  it('misses its aim only if the interval excludes the aim', () => {
    expect(judgeShare(share(0.5, 0.99), 0.999)).toBe('missed');
    expect(judgeShare(share(0.5, 0.999), 0.999)).toBe('undecided');
    expect(judgeShare(share(0.999, 1), 0.999)).toBe('met');
  });

  it('without samples is undecided', () => {
    expect(judgeShare(share(0, 0, 0), 0.5)).toBe('undecided');
    expect(judgeShare(share(1, 1, 0), 0.5)).toBe('undecided');
  });
});

describe('tokens until a decision', () => {
  it('miss their aim only if the sample had enough tokens', () => {
    expect(judgeTokens(undefined, 199, 200)).toBe('undecided');
    expect(judgeTokens(undefined, 200, 200)).toBe('missed');
    expect(judgeTokens(201, 10_000, 200)).toBe('missed');
    expect(judgeTokens(200, 200, 200)).toBe('met');
  });
});

describe('an aim of several parts', () => {
  it('is missed if one part is, undecided if one part is, and undecided without parts', () => {
    expect(judgeAll(['met', 'undecided', 'missed'])).toBe('missed');
    expect(judgeAll(['met', 'undecided'])).toBe('undecided');
    expect(judgeAll(['met', 'met'])).toBe('met');
    expect(judgeAll([])).toBe('undecided');
  });
});
