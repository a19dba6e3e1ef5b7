import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withProcessLock } from './process-lock.ts';

const RACERS = 4;
const ROUNDS = 25;

let folder: string;
let children: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-lock-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const lock = () => join(folder, 'a.lock');

function start(): ChildProcess {
  const script = fileURLToPath(new URL('./process-lock-child-fixture.ts', import.meta.url));
  const child = fork(script, [lock(), join(folder, 'inside')], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  children.push(child);
  return child;
}

/** All that a child says, up to `done`. */
async function pass(child: ChildProcess): Promise<string[]> {
  const words: string[] = [];
  child.send('pass');
  while (words.at(-1) !== 'done') words.push((await once(child, 'message'))[0]);
  return words;
}

describe('a lock among processes', () => {
  it('goes to one at a time of those that wait for the lock of a process that was killed', async () => {
    const racers = Array.from({ length: RACERS }, start);
    for (let round = 0; round < ROUNDS; round++) {
      const owner = start();
      owner.send('hold');
      expect((await once(owner, 'message'))[0]).toBe('holding');
      const passes = racers.map(pass);
      owner.kill('SIGKILL');
      expect(await Promise.all(passes), `round ${round}`).toEqual(racers.map(() => ['done']));
    }
  });

  it('excludes another caller in the same process, and is free after a failure', async () => {
    const order: string[] = [];
    const first = withProcessLock(lock(), async () => {
      order.push('first in');
      await new Promise((done) => setTimeout(done, 60));
      order.push('first out');
      throw new Error('failed');
    });
    const second = withProcessLock(lock(), async () => void order.push('second in'));
    await expect(first).rejects.toThrow('failed');
    await second;
    expect(order).toEqual(['first in', 'first out', 'second in']);
  });

  it('stops waiting when it is cancelled', async () => {
    const owner = start();
    owner.send('hold');
    await once(owner, 'message');
    const attempt = withProcessLock(lock(), async () => 'in', AbortSignal.timeout(50));
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('refuses a file that is no lock', async () => {
    writeFileSync(lock(), 'x'.repeat(4096));
    await expect(withProcessLock(lock(), async () => 'in')).rejects.toMatchObject({ code: 'corrupt' });
  });
});
