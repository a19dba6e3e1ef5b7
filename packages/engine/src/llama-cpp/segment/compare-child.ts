import { EngineError } from '../../interface/engine-error.ts';
import { openSegmentComparison } from './compare-segments.ts';
import type { ComparisonAnswer, ComparisonOrder } from './run-comparison.ts';

// A separate process, since llama.cpp ends it on a file that it cannot use.
const answer = (message: ComparisonAnswer): void => void process.send?.(message);

process.on('message', async ({ modelPath, slabPaths, options, runs }: ComparisonOrder) => {
  try {
    const comparison = openSegmentComparison(modelPath, slabPaths, options);
    for (const run of runs) answer({ kind: 'compared', rows: await comparison.run(run) });
    await comparison.close();
    answer({ kind: 'done' });
  } catch (error) {
    const code = error instanceof EngineError ? error.code : 'engine-crashed';
    answer({ kind: 'failed', code, message: String((error as Error).message) });
  }
  process.disconnect();
});
