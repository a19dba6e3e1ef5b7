import {
  findSetup as findOf,
  type SetupSettings,
  type EngineSetupName as Way,
} from '@ogong/provider/calibration/setups';

/** Ways to run a model on this machine, by the names that the report uses. */
export interface DetectionSetup {
  readonly name: DetectionSetupName;
  readonly settings: SetupSettings;
  /** Replies served at a time: several if neighbours do not change a reply, or if their effect is what is measured. */
  readonly streams: number;
  /** Not every machine has it. An experiment that cannot run is left out, and the reason is logged. */
  readonly isOptional: boolean;
}

/** Calibration's names, by the names that stored samples and the report use. */
const WAYS = {
  /** A provider's default. */
  'cpu-exact': 'exact',
  'cpu-exact-avx512': 'exact-avx512',
  'cpu-exact-threads': 'exact-threads',
  /** Prompts of 64 tokens and more in tiles. */
  'cpu-exact-tiled': 'exact-tiled',
  /** llama.cpp's own choices: repacked weights, tiled prompts. */
  'cpu-fast': 'fast',
  /** The same without repacking, and without flash attention. */
  'cpu-plain': 'plain',
  'cpu-no-fa': 'plain-no-flash',
  /** The same with all streams in one cache. */
  'cpu-unified': 'plain-unified',
  /** llama.cpp's reference kernels. */
  'cpu-reference': 'reference',
  'cpu-fast-no-fa': 'fast-no-flash',
  /** Two streams at a time. Timing decides which rows share a pass, so no two runs are equal. */
  'cpu-fast-2': 'fast-2',
  'cpu-fast-4': 'fast-4',
  'cpu-fast-8': 'fast-8',
  'cpu-exact-kv-q8': 'exact-kv-q8',
  'cpu-fast-kv-q8': 'fast-kv-q8',
  'cpu-exact-kv-q4': 'exact-kv-q4',
  'cpu-fast-avx512': 'fast-avx512',
  'cpu-fast-sse': 'fast-sse',
  'cpu-fast-scalar': 'fast-scalar',
  'cpu-fast-sandybridge': 'fast-sandybridge',
  'cpu-fast-ivybridge': 'fast-ivybridge',
  'cpu-fast-piledriver': 'fast-piledriver',
  'cpu-fast-cannonlake': 'fast-cannonlake',
  vulkan: 'vulkan',
  /** Drafts of three tokens in every step. */
  'cpu-exact-drafts': 'exact-drafts',
  'cpu-fast-drafts': 'fast-drafts',
} as const satisfies Readonly<Record<string, Way>>;

export type DetectionSetupName = keyof typeof WAYS;

export function findSetup(name: DetectionSetupName): DetectionSetup {
  const { settings, streams } = findOf(WAYS[name]);
  return {
    name,
    settings: { threads: 1, contextSize: CONTEXT, ...settings },
    streams,
    isOptional: settings.backend !== undefined || settings.isa !== undefined || settings.threads !== undefined,
  };
}

/** Prompt and reply of the longest experiment. */
export const CONTEXT = 512;
