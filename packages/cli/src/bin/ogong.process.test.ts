import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { DEFAULT_TABLE } from '@ogong/host/drift-table/default-table';
import { findProgram } from '@ogong/testing/processes/find-program';
import { expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('./ogong.ts', import.meta.url));

it('ends quietly if the reader stops', async () => {
  const child = spawn(process.execPath, [PROGRAM, 'calibrate', 'show', DEFAULT_TABLE], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = text(child.stderr);
  // A table is more than a pipe holds.
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await errors).toBe('');
});

it('prints its help without arguments', async () => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [shown, errors] = [text(child.stdout), text(child.stderr)];
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect([await shown, await errors]).toEqual([expect.stringContaining('Usage: ogong <command>'), '']);
});
