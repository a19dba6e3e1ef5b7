import { EngineError } from '../interface/engine-error.ts';
import { openLlamaModel } from '../llama-cpp/model.ts';
import { isaClassOf } from '../llama-cpp/numeric-class.ts';
import { openLibrary } from '../llama-cpp/open-host.ts';
import { LLAMA_VERSION } from '../llama-cpp/platform.ts';
import type { ClassSearchAnswer, ClassSearchOrder } from './run.ts';
import { searchClasses } from './search.ts';

// A process of its own: a driver or an assertion of llama.cpp may end it.
const answer = (message: ClassSearchAnswer): void => void process.send?.(message);

process.on('message', (order: ClassSearchOrder) => {
  try {
    search(order);
  } catch (error) {
    const code = error instanceof EngineError ? error.code : 'engine-crashed';
    answer({ kind: 'failed', code, message: String((error as Error).message) });
  }
  process.disconnect();
});

function search({ modelPath, backend, engineDir, isa, plan }: ClassSearchOrder): void {
  const library = openLibrary({ backend, engineDir, isa });
  const model = openLlamaModel(library, modelPath);
  const { findings, refused } = searchClasses(model, plan, (done, _, what) => answer({ kind: 'progress', done, what }));
  const named = { build: `llama.cpp-${LLAMA_VERSION}`, isa: isaClassOf(library.isa) };
  answer({ kind: 'found', found: { ...named, findings, refused } });
}
