import { assertKvType } from '../llama-cpp/device/memory.ts';
import type { Backend } from '../llama-cpp/library.ts';
import type { ModelFacts } from '../llama-cpp/model-file.ts';
import type { KvType } from '../llama-cpp/numeric-class.ts';
import { listShapes, type SearchPlan, type SearchResult, type Setup } from './search.ts';

const BASE: Setup = {
  name: 'flash',
  ...{ kvType: 'f16', flashAttention: true, kvUnified: false, threads: 1, reference: false },
};

/** One setting varied at a time. */
export function planSearch(
  file: ModelFacts,
  { backend, isQuick, threads }: { readonly backend: Backend; readonly isQuick: boolean; readonly threads: number },
): SearchPlan {
  const kv = (['f32', 'q8_0', 'q4_0'] as const).filter((type) => refusalOf(file, type) === undefined);
  const setups: Setup[] = [
    BASE,
    { ...BASE, name: 'no flash', flashAttention: false },
    ...kv.map((kvType): Setup => ({ ...BASE, name: `flash, KV ${kvType}`, kvType })),
    { ...BASE, name: 'no flash, KV f32', flashAttention: false, kvType: 'f32' },
    { ...BASE, name: 'flash, unified', kvUnified: true },
    { ...BASE, name: 'no flash, unified', flashAttention: false, kvUnified: true },
  ];
  if (backend === 'cpu') {
    if (threads > 1) setups.push({ ...BASE, name: 'flash, 2 threads', threads: 2 });
    setups.push({ ...BASE, name: 'flash, reference', reference: true });
    setups.push({ ...BASE, name: 'no flash, reference', flashAttention: false, reference: true });
  }
  return {
    setups: isQuick ? setups.slice(0, 2) : setups,
    shapes: listShapes(),
    starts: isQuick ? [64, 320] : [64, 320, 600],
    positions: isQuick ? 8 : 24,
  };
}

function refusalOf(file: ModelFacts, kvType: KvType): string | undefined {
  try {
    assertKvType(file, kvType, true);
    return undefined;
  } catch (error) {
    // Tables are published: no paths of this machine.
    return (error as Error).message.replaceAll(file.path, 'the model');
  }
}

/** Cache types that do not fit the model's heads. */
export const refuseKvTypes = (file: ModelFacts): SearchResult['refused'] =>
  (['q8_0', 'q4_0'] as const).flatMap((type) => {
    const reason = refusalOf(file, type);
    return reason === undefined ? [] : [{ setup: `flash, KV ${type}`, reason }];
  });
