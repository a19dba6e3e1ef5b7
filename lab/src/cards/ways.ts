import type { LlamaEngineOptions } from '@ogong/engine/llama-cpp/engine';

type WaySettings = Pick<LlamaEngineOptions, 'backend' | 'kernels' | 'shapes' | 'flashAttention' | 'drafts'>;

/** Ways to run a model on a card, and the processor's own beside them. */
export const CARD_WAYS = {
  cpu: { kernels: 'exact' },
  'vulkan wide': { backend: 'vulkan', shapes: 'wide' },
  'vulkan mixed': { backend: 'vulkan', shapes: 'mixed' },
  'vulkan single': { backend: 'vulkan', shapes: 'single' },
  'vulkan plain': { backend: 'vulkan', kernels: 'plain' },
  'cuda wide': { backend: 'cuda', kernels: 'shaped', shapes: 'wide' },
  'cuda mixed': { backend: 'cuda', kernels: 'shaped', shapes: 'mixed' },
  'cuda single': { backend: 'cuda', kernels: 'shaped', shapes: 'single' },
  'cuda plain': { backend: 'cuda', kernels: 'plain' },
} as const satisfies Readonly<Record<string, WaySettings>>;

export type CardWayName = keyof typeof CARD_WAYS;
export const CARD_WAY_NAMES = Object.keys(CARD_WAYS) as CardWayName[];
