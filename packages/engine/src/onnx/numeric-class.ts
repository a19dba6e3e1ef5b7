import { isExactClass } from '@ogong/protocol/tier/exact-class';

/** Release of ONNX Runtime, native and in WebAssembly. */
export const ONNX_VERSION = '1.30.0';

export type OnnxBackend = 'cpu' | 'wasm';

/**
 * The numeric class of a network that runs on ONNX Runtime (docs/spec/numeric-class.md, "ONNX"):
 *
 *   onnxruntime-<release>/<backend>/<isa>/exact-b1-t<threads>/<weights>/kv-none[/unproven]
 *
 * Every run has a batch of one. Threads split matrices, and the split can change the order of sums, so the class names their number.
 */
export interface OnnxClass {
  readonly version: string;
  readonly backend: OnnxBackend;
  readonly isa: string;
  readonly threads: number;
  readonly weights: string;
  /** Other machines of the same name may compute other bits, so no bit is evidence. */
  readonly isUnproven: boolean;
}

/** The one ISA of WebAssembly: fixed-width SIMD computes the same bits on every machine. */
export const WASM_ISA = 'simd128';
export const MOST_THREADS = 64;

const PATTERN =
  /^onnxruntime-([0-9.]{1,16})\/(cpu|wasm)\/([a-z0-9._-]{1,96})\/exact-b1-t([1-9][0-9]?)\/([a-z0-9_]{1,16})\/kv-none(\/unproven)?$/;

export const formatOnnxClass = ({ version, backend, isa, threads, weights, isUnproven }: OnnxClass): string =>
  `onnxruntime-${version}/${backend}/${isa}/exact-b1-t${threads}/${weights}/kv-none${isUnproven ? '/unproven' : ''}`;

/** @returns undefined for a class of another engine, or for a text that is no class. */
export function parseOnnxClass(text: string): OnnxClass | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, version, backend, isa, threads, weights, unproven] = match as unknown as [string, ...string[]];
  const isUnproven = unproven !== undefined;
  const parsed = { version, backend, isa, threads: Number(threads), weights, isUnproven } as OnnxClass;
  return parsed.threads <= MOST_THREADS ? parsed : undefined;
}

/** Facts of this machine that the native class depends on. */
export interface CpuFacts {
  readonly platform: string;
  readonly arch: string;
  /** Content of `/proc/cpuinfo`; empty if there is none. */
  readonly cpuinfo: string;
  /** Release of the C library, which computes some functions; undefined if it is no glibc. */
  readonly glibc: string | undefined;
  /** Cores of two kinds: the runtime then splits work differently. */
  readonly isHybrid: boolean;
}

const X64_LEVELS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['avx512core', ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl']],
  ['avx512f', ['avx512f']],
  ['avx2', ['avx2', 'fma']],
  ['avx', ['avx']],
];

/**
 * Names the instructions that the native runtime picks by itself: no option pins them. Only Linux on x64 was measured, so any other
 * machine is unproven.
 */
export function describeCpu({ platform, arch, cpuinfo, glibc, isHybrid }: CpuFacts): {
  readonly isa: string;
  readonly isUnproven: boolean;
} {
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(' '));
  if (platform !== 'linux' || arch !== 'x64' || flags.size === 0 || glibc === undefined)
    return { isa: `${platform}-${arch}`, isUnproven: true };
  const level = X64_LEVELS.find(([, needed]) => needed.every((flag) => flags.has(flag)))?.[0] ?? 'sse2';
  return { isa: `${level}-glibc${glibc}`, isUnproven: isHybrid };
}

export const isExactOnnxClass = (parts: OnnxClass): boolean => isExactClass(formatOnnxClass(parts));
