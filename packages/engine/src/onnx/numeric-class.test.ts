import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { describe, expect, it } from 'vitest';
import { type CpuFacts, describeCpu, formatOnnxClass, type OnnxClass, parseOnnxClass } from './numeric-class.ts';

const CLASS: OnnxClass = {
  ...{ version: '1.30.0', backend: 'cpu', isa: 'avx2-glibc2.36', threads: 4, weights: 'f32', isUnproven: false },
};
const TEXT = 'onnxruntime-1.30.0/cpu/avx2-glibc2.36/exact-b1-t4/f32/kv-none';

describe('a class of ONNX Runtime', () => {
  it('has one text, which says whether it is exact', () => {
    expect(formatOnnxClass(CLASS)).toBe(TEXT);
    expect(parseOnnxClass(TEXT)).toEqual(CLASS);
    const unproven = { ...CLASS, isUnproven: true };
    expect(parseOnnxClass(formatOnnxClass(unproven))).toEqual(unproven);
    expect([isExactClass(TEXT), isExactClass(formatOnnxClass(unproven))]).toEqual([true, false]);
  });

  it.each([
    ['another engine', TEXT.replace('onnxruntime', 'llama.cpp')],
    ['more threads than are served', TEXT.replace('t4', 't65')],
    ['a number of threads that begins with 0', TEXT.replace('t4', 't04')],
    ['another batch', TEXT.replace('b1', 'b2')],
    ['a further part', `${TEXT}/unified`],
    ['nothing', ''],
  ])('is not the text of %s', (_what, text) => {
    expect(parseOnnxClass(text)).toBeUndefined();
  });
});

describe('the CPU in a class', () => {
  const flags = (text: string): string => `processor\t: 0\nflags\t\t: fpu ${text}\nbogomips\t: 1\n`;
  const machine: CpuFacts = { platform: 'linux', arch: 'x64', cpuinfo: '', glibc: '2.36', isHybrid: false };

  it.each([
    ['sse sse2', 'sse2'],
    ['avx', 'avx'],
    ['avx avx2', 'avx'],
    ['avx fma avx2', 'avx2'],
    ['avx fma avx2 avx512f', 'avx512f'],
    ['avx fma avx2 avx512f avx512dq avx512bw avx512vl', 'avx512core'],
  ])('with %s is %s', (text, name) => {
    expect(describeCpu({ ...machine, cpuinfo: flags(text) })).toEqual({ isa: `${name}-glibc2.36`, isUnproven: false });
  });

  it('is unproven where nobody measured it', () => {
    const cpuinfo = flags('avx fma avx2');
    expect(describeCpu({ ...machine, cpuinfo, isHybrid: true }).isUnproven).toBe(true);
    expect(describeCpu({ ...machine, cpuinfo, arch: 'arm64' })).toEqual({ isa: 'linux-arm64', isUnproven: true });
    expect(describeCpu({ ...machine, cpuinfo, glibc: undefined }).isUnproven).toBe(true);
    expect(describeCpu({ ...machine, platform: 'win32' })).toEqual({ isa: 'win32-x64', isUnproven: true });
  });
});
