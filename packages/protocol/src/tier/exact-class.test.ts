import { describe, expect, it } from 'vitest';
import { isExactClass } from './exact-class.ts';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const INEXACT = 'llama.cpp-0.5.0/cpu/haswell/fast/q8_0/kv-f16';

describe('the class of a reply', () => {
  it.each([
    EXACT,
    'llama.cpp-0.5.0/cpu/haswell/exact-2/f16/kv-f16',
    `${EXACT}/lanes`,
    'llama.cpp-0.5.0/cpu/haswell/reference/q8_0/kv-f16',
    'llama.cpp-0.5.0/cpu/haswell/exact-whole/f16/kv-f16',
    'llama.cpp-0.5.0/cpu/haswell/exact-tiled/q8_0/kv-f32',
    'llama.cpp-0.5.0/cpu/haswell/exact-tiled-2/f16/kv-f16',
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
    `${EXACT}/lanes/unproven`,
    `${EXACT}/unified/lanes`,
    'llama.cpp-0.5.0/cpu/haswell/shaped/f16/kv-f16/no-fa/window-8',
    'exact',
    'llama.cpp-0.5.0/cpu/haswell/exact-tiled/q8_0/kv-q8_0',
    'a/b/exact',
    'a/b/c/inexact/d',
    'a/b/c/exactly/d',
    'a/b/c/exact-/d',
    'a/b/c/ exact/d',
    'a/b/c//d/exact',
    '',
  ])('is not exact: "%s"', (numericClass) => expect(isExactClass(numericClass)).toBe(false));
});
