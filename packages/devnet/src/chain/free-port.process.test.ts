import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { findFreePortRow, findFreePorts, isPortFree } from './free-port.ts';

const SOURCE = new URL('./free-port.ts', import.meta.url).href;
/** By chance alone two processes would have some eight ports in common. */
const COUNT = 400;

/** The ports that another process is given. */
async function findElsewhere(): Promise<number[]> {
  const program = `import { findFreePorts } from ${JSON.stringify(SOURCE)}; console.log(JSON.stringify(await findFreePorts(${COUNT})));`;
  const argv = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program];
  return JSON.parse((await promisify(execFile)(process.execPath, argv)).stdout) as number[];
}

it('ports are free, and none is given twice, in a row or one by one', async () => {
  const lowest = await findFreePortRow(3);
  const given = [lowest, lowest + 1, lowest + 2, ...(await findFreePorts(50))];
  expect(new Set(given).size).toBe(given.length);
  for (const port of given) expect(await isPortFree(port)).toBe(true);
});

it.skipIf(process.platform !== 'linux')('ports that nobody listens on yet are given to no other process', async () => {
  const own = new Set(await findFreePorts(COUNT));
  const theirs = await findElsewhere();
  expect(theirs).toHaveLength(COUNT);
  expect(theirs.filter((port) => own.has(port))).toEqual([]);
});
