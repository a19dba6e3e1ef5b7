import { EngineError } from '../engine.ts';
import { listShapes, type SearchPlan, type Setup, searchClasses } from './class-search.ts';
import type { ClassSearchAnswer, ClassSearchOrder } from './class-search-run.ts';
import type { Backend } from './library.ts';
import { assertKvType } from './memory.ts';
import { openLlamaModel } from './model.ts';
import { inspectModelFile, type ModelFile } from './model-file.ts';
import { isaClassOf, type KvType } from './numeric-class.ts';
import { openLibrary } from './open-host.ts';
import { LLAMA_VERSION } from './platform.ts';

// A process of its own: a driver or an assertion of llama.cpp may end it.
const answer = (message: ClassSearchAnswer): void => void process.send?.(message);

process.on('message', (order: ClassSearchOrder) => {
  try {
    search(order);
  } catch (error) {
    answer({
      kind: 'failed',
      code: error instanceof EngineError ? error.code : 'engine-crashed',
      message: String((error as Error).message),
    });
  }
  process.disconnect();
});

function search({ modelPath, backend, engineDir, isQuick, threads }: ClassSearchOrder): void {
  const library = openLibrary({ backend, engineDir, isa: 'auto' });
  const file = inspectModelFile(modelPath);
  const model = openLlamaModel(library, modelPath);
  const plan = planSearch(file, { backend, isQuick, threads });
  const result = searchClasses(model, plan, (done, total, what) => answer({ kind: 'progress', done, total, what }));
  answer({
    kind: 'found',
    table: {
      build: `llama.cpp-${LLAMA_VERSION}`,
      backend,
      isa: isaClassOf(library.isa),
      weights: file.weightType,
      positions: plan.positions,
      findings: result.findings,
      refused: [...result.refused, ...refuseKvTypes(file)],
    },
  });
}

const BASE: Setup = {
  name: 'flash',
  ...{ kvType: 'f16', flashAttention: true, kvUnified: false, threads: 1, reference: false },
};

/** One setting varied at a time. */
function planSearch(
  file: ModelFile,
  { backend, isQuick, threads }: Pick<ClassSearchOrder, 'isQuick' | 'threads'> & { readonly backend: Backend },
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

function refusalOf(file: ModelFile, kvType: KvType): string | undefined {
  try {
    assertKvType(file, kvType, true);
    return undefined;
  } catch (error) {
    // Tables are published: no paths of this machine.
    return (error as Error).message.replaceAll(file.path, 'the model');
  }
}

const refuseKvTypes = (file: ModelFile) =>
  (['q8_0', 'q4_0'] as const).flatMap((type) => {
    const reason = refusalOf(file, type);
    return reason === undefined ? [] : [{ setup: `flash, KV ${type}`, reason }];
  });
