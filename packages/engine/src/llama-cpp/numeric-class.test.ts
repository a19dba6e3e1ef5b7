import { describe, expect, it } from 'vitest';
import { exactKernelsFor, formatNumericClass, isaClassOf, isasOfClass, parseNumericClass } from './numeric-class.ts';

const TEXT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';

describe('numeric class', () => {
  it('reads back what it writes', () => {
    const parsed = parseNumericClass(TEXT);
    expect(parsed).toEqual({
      build: 'llama.cpp-0.5.0',
      backend: 'cpu',
      isa: 'haswell',
      kernels: 'exact',
      weights: 'q8_0',
      kv: 'f16',
    });
    expect(parsed && formatNumericClass(parsed)).toBe(TEXT);
  });

  it.each([
    '',
    'vllm-1/cuda/sm90/x/fp8/kv-f16',
    `${TEXT}/more`,
    TEXT.replace('exact', 'sloppy'),
    TEXT.replace('haswell', 'has well'),
  ])('does not know %s', (text) => expect(parseNumericClass(text)).toBeUndefined());

  it('groups instruction sets that were measured to agree', () => {
    expect(isaClassOf('zen4')).toBe('skylakex');
    expect(isaClassOf('alderlake')).toBe('haswell');
    expect(isaClassOf('sse42')).toBe('sse42');
    expect(isasOfClass('haswell')).toEqual(['haswell', 'alderlake']);
    expect(isasOfClass('sse42')).toEqual(['sse42']);
  });

  it('keeps two rows per pass for float weights', () => {
    expect(exactKernelsFor('f16')).toBe('exact-2');
    expect(exactKernelsFor('q4_k_m')).toBe('exact');
  });
});
