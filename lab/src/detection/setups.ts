import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';

type Settings = Partial<Omit<LlamaEngineOptions, 'modelPath' | 'modelRoot'>>;

/** Ways to run a model on this machine, by the names that the report uses. */
export interface Setup {
  readonly name: SetupName;
  readonly settings: Settings;
  /** Replies served at a time: several where they are the same whatever runs beside them, or where that is measured. */
  readonly streams: number;
  /** Not every machine has it: an experiment that cannot run is left out, with the reason. */
  readonly isOptional: boolean;
}

const STREAMS = 8;

const SETTINGS = {
  /** What a provider serves in by default. */
  'cpu-exact': {},
  'cpu-exact-avx512': { isa: 'skylakex' },
  'cpu-exact-threads': { threads: 2 },
  /** llama.cpp's own choices: repacked weights, tiled prompts. */
  'cpu-fast': { kernels: 'fast' },
  /** The same without repacking, and without flash attention. */
  'cpu-plain': { kernels: 'plain' },
  'cpu-no-fa': { kernels: 'plain', flashAttention: false },
  /** Eight streams at a time, prompts among them: which rows share a pass is left to time, so no two runs are the same. */
  'cpu-fast-8': { kernels: 'fast', sequences: STREAMS },
  'cpu-exact-kv-q8': { kvType: 'q8_0' },
  'cpu-fast-kv-q8': { kernels: 'fast', kvType: 'q8_0' },
  'cpu-fast-avx512': { kernels: 'fast', isa: 'skylakex' },
  'cpu-fast-sse': { kernels: 'fast', isa: 'sse42' },
  'cpu-fast-scalar': { kernels: 'fast', isa: 'x64' },
  /** Another back end, on whatever device the machine has; slow on Mesa's software driver. */
  vulkan: { backend: 'vulkan' },
} as const satisfies Readonly<Record<string, Settings>>;

export type SetupName = keyof typeof SETTINGS;

export function findSetup(name: SetupName): Setup {
  const settings: Settings = SETTINGS[name];
  return {
    name,
    settings: { threads: 1, contextSize: CONTEXT, ...settings },
    streams: settings.sequences ?? ((settings.kernels ?? 'exact') === 'exact' ? STREAMS : 1),
    isOptional: settings.backend !== undefined || settings.isa !== undefined || settings.threads !== undefined,
  };
}

/** Prompt and reply of the longest experiment. */
export const CONTEXT = 512;
