import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';

type WaySettings = Pick<LlamaEngineOptions, 'backend' | 'kernels' | 'isa' | 'threads' | 'kvType' | 'drafts' | 'shapes'>;

/** Ways to serve in an exact class, each with the settings of a verifier of that class. */
export const WAYS = {
  exact: { provider: { kernels: 'exact' }, verifier: { kernels: 'exact' } },
  'exact-threads': { provider: { kernels: 'exact', threads: 2 }, verifier: { kernels: 'exact' } },
  'exact-tiled': { provider: { kernels: 'tiled' }, verifier: { kernels: 'tiled' } },
  /** A verifier that serves the class without tiled prompts, and loads the provider's. */
  'exact-tiled-loaded': { provider: { kernels: 'tiled', threads: 2 }, verifier: { kernels: 'exact' } },
  /** A verifier that pads lone rows, and loads the class that runs them alone. */
  'exact-single': { provider: { kernels: 'single', threads: 2 }, verifier: { kernels: 'exact' } },
  'exact-drafts': { provider: { kernels: 'exact', drafts: 3 }, verifier: { kernels: 'exact' } },
  'exact-kv-q8': { provider: { kvType: 'q8_0' }, verifier: { kvType: 'q8_0' } },
  'exact-avx512': { provider: { isa: 'skylakex' }, verifier: { isa: 'skylakex' } },
  /** Other builds of llama.cpp for x86 that most machines can run. Each is a class of its own. */
  'exact-x64': { provider: { isa: 'x64' }, verifier: { isa: 'x64' } },
  'exact-sse42': { provider: { isa: 'sse42' }, verifier: { isa: 'sse42' } },
  'exact-sandybridge': { provider: { isa: 'sandybridge' }, verifier: { isa: 'sandybridge' } },
  'exact-ivybridge': { provider: { isa: 'ivybridge' }, verifier: { isa: 'ivybridge' } },
  'exact-piledriver': { provider: { isa: 'piledriver' }, verifier: { isa: 'piledriver' } },
  'exact-cannonlake': { provider: { isa: 'cannonlake' }, verifier: { isa: 'cannonlake' } },
  /** Two different machines of one class. */
  'exact-cascadelake': { provider: { isa: 'cascadelake' }, verifier: { isa: 'skylakex' } },
  'exact-cooperlake': { provider: { isa: 'cooperlake' }, verifier: { isa: 'skylakex' } },
  'exact-icelake': { provider: { isa: 'icelake' }, verifier: { isa: 'skylakex' } },
  'exact-zen4': { provider: { isa: 'zen4' }, verifier: { isa: 'skylakex' } },
  /** A verifier that prefers another build, and loads the provider's. */
  'exact-loaded': { provider: { isa: 'sse42' }, verifier: {} },
  /** Drafts of eight tokens fill the padding, as on any GPU. */
  vulkan: { provider: { backend: 'vulkan', shapes: 'wide' }, verifier: { backend: 'vulkan' } },
  'vulkan-mixed': { provider: { backend: 'vulkan', shapes: 'mixed' }, verifier: { backend: 'vulkan' } },
  /** For a device on which padding costs as much as real rows. */
  'vulkan-single': { provider: { backend: 'vulkan', shapes: 'single' }, verifier: { backend: 'vulkan' } },
  cuda: {
    provider: { backend: 'cuda', kernels: 'shaped', shapes: 'wide' },
    verifier: { backend: 'cuda', kernels: 'shaped' },
  },
  'cuda-mixed': {
    provider: { backend: 'cuda', kernels: 'shaped', shapes: 'mixed' },
    verifier: { backend: 'cuda', kernels: 'shaped' },
  },
  'cuda-single': {
    provider: { backend: 'cuda', kernels: 'shaped', shapes: 'single' },
    verifier: { backend: 'cuda', kernels: 'shaped' },
  },
} as const satisfies Readonly<Record<string, { readonly provider: WaySettings; readonly verifier: WaySettings }>>;

export type WayName = keyof typeof WAYS;
export const WAY_NAMES = Object.keys(WAYS) as WayName[];

/** Positions of a conversation: three times the step to which a back end pads attention. */
export const CONTEXT = 768;
/** Replies at a time. */
export const MOST_STREAMS = 8;
