import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { findFreePortRow, findFreePorts, isPortFree } from './free-port.ts';

const SCRIPT = fileURLToPath(new URL('free-port-child-fixture.ts', import.meta.url));
/** Of 20,000: without a claim, two processes would find eight of them both. */
const MANY = 400;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Another process that has found this many ports, and has bound none of them yet. */
async function findElsewhere(count: number): Promise<number[]> {
  const child = spawn(process.execPath, [SCRIPT, `${count}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return JSON.parse(line as string) as number[];
}

it.runIf(process.platform === 'linux')(
  'a found port is not found by others, though nothing listens there yet',
  async () => {
    const [first, second] = await Promise.all([findElsewhere(MANY), findElsewhere(MANY)]);
    const own = await findFreePorts(MANY);
    expect(new Set([...first, ...second, ...own]).size).toBe(3 * MANY);
  },
);

it('a row of ports is free, and no port of it is found again', async () => {
  const lowest = await findFreePortRow(20);
  const row = Array.from({ length: 20 }, (_, i) => lowest + i);
  expect(await Promise.all(row.map((port) => isPortFree(port)))).toEqual(row.map(() => true));
  const later = new Set(await findFreePorts(MANY));
  expect(row.filter((port) => later.has(port))).toEqual([]);
});

it('a port where something listens is not free', async () => {
  const [port = 0] = await findFreePorts(1);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect(await isPortFree(port)).toBe(false);
  server.close();
});
