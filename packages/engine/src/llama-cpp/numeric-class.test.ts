import { describe, expect, it } from 'vitest';
import {
  exactKernelsFor,
  formatNumericClass,
  isaClassOf,
  isasOfClass,
  mayBeExact,
  type NumericClass,
  parseNumericClass,
  singleKernelsFor,
  tiledKernelsFor,
  toUsualClass,
} from './numeric-class.ts';

function* product<A, B, C, D>(
  as: readonly A[],
  bs: readonly B[],
  cs: readonly C[],
  ds: readonly D[],
): Generator<[A, B, C, D]> {
  for (const a of as) for (const b of bs) for (const c of cs) for (const d of ds) yield [a, b, c, d];
}

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
      flashAttention: true,
      kvUnified: false,
    });
    expect(parsed && formatNumericClass(parsed)).toBe(TEXT);
  });

  it('says where a machine was seen not to reproduce itself, and is then held to no bits', () => {
    const proven = parseNumericClass(TEXT) as NumericClass;
    const text = formatNumericClass({ ...proven, isUnproven: true });
    expect(text).toBe(`${TEXT}/unproven`);
    expect(parseNumericClass(text)).toEqual({ ...proven, isUnproven: true });
    expect([mayBeExact(proven), mayBeExact(parseNumericClass(text) as NumericClass)]).toEqual([true, false]);
    expect(parseNumericClass(`${TEXT}/unproven/no-fa`)).toBeUndefined();
  });

  it('names keys and values of types apart where no bit is claimed', () => {
    const text = TEXT.replace('exact', 'plain').replace('kv-f16', 'kv-q8_0-f16');
    const parsed = parseNumericClass(text);
    expect(parsed).toMatchObject({ kernels: 'plain', kv: 'q8_0-f16' });
    expect(parsed && formatNumericClass(parsed)).toBe(text);
    expect(mayBeExact(parsed as NumericClass)).toBe(false);
    expect(parseNumericClass(text.replace('plain', 'exact'))).toBeUndefined();
    // One setting has one text.
    expect(parseNumericClass(text.replace('q8_0-f16', 'f16-f16'))).toBeUndefined();
  });

  it('says where sums run in lanes, which changes nothing about exactness', () => {
    const parts = parseNumericClass(TEXT) as NumericClass;
    const text = formatNumericClass({ ...parts, hasLanes: true, isUnproven: true });
    expect(text).toBe(`${TEXT}/lanes/unproven`);
    expect(parseNumericClass(text)).toEqual({ ...parts, hasLanes: true, isUnproven: true });
    expect(mayBeExact({ ...parts, hasLanes: true })).toBe(true);
    expect(parseNumericClass(`${TEXT}/unproven/lanes`)).toBeUndefined();
  });

  it('gives every setting its own name and reads it back', () => {
    const seen = new Set<string>();
    const kernels = ['exact', 'exact-2', 'exact-tiled', 'exact-tiled-2', 'reference', 'plain', 'fast'] as const;
    for (const [k, kv, fa, unified] of product(kernels, ['f16', 'f32', 'q8_0', 'q4_0'], [true, false], [true, false])) {
      const parts: NumericClass = {
        ...(parseNumericClass(TEXT) as NumericClass),
        ...{ kernels: k, kv, flashAttention: fa, kvUnified: unified },
      };
      const text = formatNumericClass(parts);
      expect(parseNumericClass(text)).toEqual(parts);
      seen.add(text);
    }
    expect(seen.size).toBe(7 * 4 * 2 * 2);
  });

  it('lets no class claim exactness that has no bit-exact twin', () => {
    const of = (text: string) => mayBeExact(parseNumericClass(text) as NumericClass);
    expect(of(TEXT)).toBe(true);
    expect(of(TEXT.replace('exact', 'reference'))).toBe(true);
    expect(of(`${TEXT}/unified`)).toBe(false);
    expect(of(`${TEXT.replace('exact', 'shaped')}/no-fa`)).toBe(true);
    expect(of(TEXT.replace('exact', 'shaped'))).toBe(false);
    expect(of(TEXT.replace('exact', 'plain'))).toBe(false);
    expect(of(TEXT.replace('exact', 'fast'))).toBe(false);
    expect(of(`${TEXT}/no-fa`)).toBe(false);
    expect(of(TEXT.replace('exact', 'exact-tiled'))).toBe(true);
    expect(of(TEXT.replace('exact', 'exact-tiled').replace('kv-f16', 'kv-f32'))).toBe(true);
    expect(of(TEXT.replace('exact', 'exact-tiled').replace('kv-f16', 'kv-q8_0'))).toBe(false);
  });

  it.each([
    '',
    'vllm-1/cuda/sm90/x/fp8/kv-f16',
    `${TEXT}/more`,
    `${TEXT}/unified/no-fa`,
    `${TEXT}/no-fa/no-fa`,
    `${TEXT}/window-64`,
    TEXT.replace('exact', 'sloppy'),
    TEXT.replace('haswell', 'has well'),
  ])('does not know %s', (text) => expect(parseNumericClass(text)).toBeUndefined());

  it('groups instruction sets that were measured to agree', () => {
    expect(isaClassOf('zen4')).toBe('skylakex');
    expect(isaClassOf('alderlake')).toBe('haswell');
    expect(isaClassOf('sse42')).toBe('sse42');
    expect(isasOfClass('haswell')).toEqual(['haswell', 'alderlake']);
    expect(isasOfClass('sse42')).toEqual(['sse42']);
    // Members that head nothing, settings of this engine, and unknown ones.
    for (const name of ['alderlake', 'native', 'auto', 'zzz9']) expect(isasOfClass(name)).toEqual([]);
    expect(isasOfClass('sse42')).toEqual(['sse42']);
  });

  it('names the usual class beside each with tiles or single rows', () => {
    const plain = parseNumericClass(TEXT) as NumericClass;
    expect(toUsualClass({ ...plain, kernels: 'exact-tiled' })).toEqual(plain);
    expect(toUsualClass({ ...plain, kernels: 'exact-tiled-2', weights: 'f16' }).kernels).toBe('exact-2');
    expect(toUsualClass({ ...plain, kernels: 'exact-single', weights: 'f16' }).kernels).toBe('exact-2');
    expect(toUsualClass({ ...plain, kernels: 'fast' }).kernels).toBe('fast');
  });

  it('keeps two rows per pass for float weights, and for float matrices beside quantised ones', () => {
    const quantised = { weightType: 'q4_k_m', hasFloatMatrices: false };
    expect(exactKernelsFor({ weightType: 'f16', hasFloatMatrices: true })).toBe('exact-2');
    expect(exactKernelsFor(quantised)).toBe('exact');
    expect(exactKernelsFor({ ...quantised, hasFloatMatrices: true })).toBe('exact-2');
    expect(tiledKernelsFor({ weightType: 'bf16', hasFloatMatrices: true })).toBe('exact-tiled-2');
    expect(tiledKernelsFor(quantised)).toBe('exact-tiled');
    expect(tiledKernelsFor({ ...quantised, hasFloatMatrices: true })).toBe('exact-tiled-2');
    expect(singleKernelsFor({ weightType: 'f16', hasFloatMatrices: true })).toBe('exact-single');
    expect(singleKernelsFor(quantised)).toBe('exact');
    expect(singleKernelsFor({ ...quantised, hasFloatMatrices: true })).toBe('exact-single');
  });
});
