import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const memory = fileURLToPath(new URL('./memory.ts', import.meta.url));
const print = `import { describeDataLimit, readDataLimit } from ${JSON.stringify(memory)};
  console.log(JSON.stringify([readDataLimit() ?? null, describeDataLimit()]));`;

/** Reads the limit in a process that runs under it. */
function readUnder(limit: string): [{ readonly limit: number; readonly used: number } | null, string] {
  const script = `ulimit -d ${limit}; exec "$0" --input-type=module -e "$1"`;
  return JSON.parse(execFileSync('sh', ['-c', script, process.execPath, print], { encoding: 'utf8' }));
}

it.runIf(process.platform === 'linux')('reads the limit of data that the system sets to a process', () => {
  const [data, text] = readUnder(`${900 * 1024}`);
  expect(data?.limit).toBe(900 * 2 ** 20);
  expect(data?.used).toBeGreaterThan(2 ** 20);
  expect(data?.used).toBeLessThan(900 * 2 ** 20);
  expect(text).toMatch(/^; the system allows this process 900 MiB of data, and \d+ MiB are in use$/);
  expect(readUnder('unlimited')).toEqual([null, '']);
});
