import { fileURLToPath } from 'node:url';
import type { AttackDefinition } from './attack.ts';
import { CHEAP_MODELS } from './cheap-models.ts';
import { defineSubstitution } from './substitute.ts';

const models = CHEAP_MODELS.map(({ name, what, recipe, soldAs }) =>
  defineSubstitution({
    name: `weights-${name}`,
    aim: `serve ${what} as if they were the model that is sold`,
    cheap: { weights: recipe },
    ...(soldAs ? { soldAs } : {}),
  }),
);

/** A quantised KV cache needs head sizes that are multiples of 32, which few small models have. */
const PADDED = { forge: 'pad-heads', headSize: 64 } as const;

const caches = (['q8_0', 'q4_0'] as const).map((kvType) =>
  defineSubstitution({
    name: `kv-${kvType.replace('_', '-')}`,
    aim: `keep keys and values as ${kvType} and sell them as f16: half of the memory of a long reply, or a quarter`,
    sold: PADDED,
    cheap: { weights: PADDED, engine: { kvType } },
  }),
);

const WINDOW_CHILD = fileURLToPath(new URL('./sliding-window.child.ts', import.meta.url));

const windows = [128, 32].map((width) =>
  defineSubstitution({
    name: `sliding-window-${width}`,
    aim: `forget what lies more than ${width} tokens back`,
    cheap: { engine: { child: { path: WINDOW_CHILD, arguments: [String(width)] } } },
  }),
);

export const WEIGHT_ATTACKS: readonly AttackDefinition[] = [...models, ...caches, ...windows];
