import { homedir } from 'node:os';
import { join } from 'node:path';
import { describeTrajectoryEngine } from '@ogong/testing/engine/trajectory-compliance';
import { describe } from 'vitest';
import { openTrajectoryEngine } from './trajectory-engine.ts';
import { findOnnxRuntime } from './runtime/packages.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const modelOf = (name: string): string => join(import.meta.dirname, '../../../testing/models', name);

for (const backend of ['cpu', 'wasm'] as const) {
  const absence = findOnnxRuntime(backend, engineDir) === undefined ? ' (skipped: the runtime was not fetched)' : '';
  describe.skipIf(absence !== '')(`ONNX Runtime, ${backend}${absence}`, () => {
    for (const model of ['tiny-shapes-ddim-unet', 'tiny-shapes-flow-dit']) {
      const open = ({ maxQueue }: { readonly maxQueue: number }) =>
        openTrajectoryEngine({ modelPath: modelOf(model), backend, maxQueue, engineDir });
      describeTrajectoryEngine({ name: model, open, openTwin: open, prompts: ['a large red circle', 'a small cyan square'] });
    }
  });
}
