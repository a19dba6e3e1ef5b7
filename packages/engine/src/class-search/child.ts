import { EngineError } from '../interface/engine-error.ts';
import { LLAMA_VERSION } from '../llama-cpp/device/platform.ts';
import { openLlamaModel } from '../llama-cpp/model.ts';
import { isaClassOf } from '../llama-cpp/numeric-class.ts';
import { openLibrary } from '../llama-cpp/open-host.ts';
import { assertUnchanged } from '../llama-cpp/verified-model.ts';
import type { ClassSearchAnswer, ClassSearchOrder } from './run.ts';
import { searchClasses } from './search.ts';

// A separate process, since a driver or an assertion of llama.cpp may end it.
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

function search({ modelPath, files, backend, engineDir, isa, plan }: ClassSearchOrder): void {
  const library = openLibrary({ backend, engineDir, isa });
  assertUnchanged(files);
  const model = openLlamaModel(library, modelPath);
  assertUnchanged(files);
  const { findings, refused } = searchClasses(model, plan, (done, _, what) => answer({ kind: 'progress', done, what }));
  const named = { build: `llama.cpp-${LLAMA_VERSION}`, isa: isaClassOf(library.isa) };
  answer({ kind: 'found', found: { ...named, findings, refused } });
}
