import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Row } from '../row.ts';

interface BrowserCost {
  readonly microsPerToken?: number;
  readonly fixedMs?: number;
  readonly nodeMicrosPerToken?: number;
  /** Why no browser could be measured. */
  readonly missing?: string;
}

/** The SDK's own measurement. It runs in a separate process because the package does not export this script. */
const script = fileURLToPath(new URL('../scripts/measure.ts', import.meta.resolve('@ogong/sdk')));

export async function measureBrowser(): Promise<Row[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--json'], { timeout: 120_000 });
  const { microsPerToken, fixedMs = 0, nodeMicrosPerToken = 0, missing } = JSON.parse(stdout) as BrowserCost;
  return [
    {
      id: 'stage-1-browser',
      what: 'stage 1 replay, headless Chromium',
      value: microsPerToken,
      unit: 'us/token',
      aim: { at: 'most', value: 6 },
      why: 'weights of candidates take a third of the time, hashes of windows a fifth, and decoding an eighth',
      next: 'weights of candidates in WebAssembly; hashes of several windows at once',
      note:
        missing ??
        `the slope between receipts of 64 and 1,024 tokens, on a core; in Node ${nodeMicrosPerToken.toFixed(1)}. Signatures and the rest cost ${fixedMs.toFixed(1)} ms a receipt`,
    },
  ];
}
