import {
  findSetup as findOf,
  type SetupSettings,
  type EngineSetupName as Way,
} from '@ogong/provider/calibration/setups';

/** Ways to run a model on this machine, by the names that the report uses. */
export interface DetectionSetup {
  readonly name: DetectionSetupName;
  readonly settings: SetupSettings;
  /** Replies served at a time: several where they are the same whatever runs beside them, or where that is measured. */
  readonly streams: number;
  /** Not every machine has it: an experiment that cannot run is left out, with the reason. */
  readonly isOptional: boolean;
}

/** What calibration calls them; kept samples and the report have the names on the left. */
const WAYS = {
  /** What a provider serves in by default. */
  'cpu-exact': 'exact',
  'cpu-exact-avx512': 'exact-avx512',
  'cpu-exact-threads': 'exact-threads',
  /** llama.cpp's own choices: repacked weights, tiled prompts. */
  'cpu-fast': 'fast',
  /** The same without repacking, and without flash attention. */
  'cpu-plain': 'plain',
  'cpu-no-fa': 'plain-no-flash',
  /** The same with all streams in one cache. */
  'cpu-unified': 'plain-unified',
  /** The kernels that others are compared with. */
  'cpu-reference': 'reference',
  'cpu-fast-no-fa': 'fast-no-flash',
  /** Streams at a time, prompts among them: which rows share a pass is left to time, so no two runs are the same. */
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
  /** Three tokens guessed ahead with every step. */
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
