import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { summarize } from '../../demo/summary.ts';
import type { Row } from '../row.ts';

const TIMEOUT_MS = 400_000;
const entry = fileURLToPath(new URL('../../demo/main.ts', import.meta.url));

/** The whole demo, as `npm run demo -- --once` runs it. */
export async function measureDemo(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-bench-demo-'));
  const json = join(directory, 'summary.json');
  const args = ['--disable-warning=ExperimentalWarning', entry, '--once', '--json', json, '--dir', directory];
  try {
    const startMs = performance.now();
    const exit = await run(args);
    const seconds = (performance.now() - startMs) / 1000;
    return [
      {
        id: 'demo',
        what: 'npm run demo -- --once, by the wall clock',
        value: exit.isTimeout ? undefined : seconds,
        unit: 's',
        aim: { at: 'most', value: 180 },
        why: 'a whole network waits for cores here; see the load',
        note: exit.isTimeout ? `ended after ${TIMEOUT_MS / 1000} s without a result` : describe(json, exit.code),
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(args: readonly string[]): Promise<{ code: number; isTimeout: boolean }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: TIMEOUT_MS, maxBuffer: 1 << 26 }, (error) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, isTimeout: error?.killed === true });
    });
  });
}

function describe(json: string, code: number): string {
  let summary: Pick<Awaited<ReturnType<typeof summarize>>, 'claims' | 'timings' | 'replies'>;
  try {
    summary = JSON.parse(readFileSync(json, 'utf8'));
  } catch {
    return `it ended with exit code ${code} and left no summary`;
  }
  const { claims, timings, replies } = summary;
  const failed = claims.filter(({ ok }) => !ok).map(({ id }) => id);
  const seconds = (name: string): string => `${((timings[name] ?? 0) / 1000).toFixed(0)} s`;
  return [
    failed.length === 0 ? `all ${claims.length} claims hold` : `claims that do not hold: ${failed.join(', ')}`,
    `${replies.length} requests`,
    `start ${seconds('startMs')}, requests ${seconds('requestsMs')}, settlement ${seconds('settleMs')}, pictures ${seconds('picturesMs')}, segments ${seconds('shardsMs')}, hub ${seconds('hubMs')}`,
  ].join('; ');
}
