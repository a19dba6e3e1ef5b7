import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { findInMemory, whyNoMemory } from './search-memory.ts';

const reason = whyNoMemory();
const HELD = 'the heron Vandobel';
const OTHER = 'the lynx Ombravelle';
/** Keeps its input in memory, says so, and waits. */
const PROGRAM =
  'let held = ""; process.stdin.on("data", (piece) => { held += piece; process.stdout.write("."); }); setInterval(() => held, 1e3);';

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

describe.skipIf(reason !== undefined)(`the search in memory${reason ? ` (${reason})` : ''}`, () => {
  it.each([
    ['as it is', HELD],
    ['in UTF-16', Buffer.from(HELD, 'utf16le')],
  ])('finds a text %s, and no other one', async (_form, given) => {
    child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin?.write(given);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    expect(findInMemory(child.pid as number, [OTHER, HELD])).toEqual([HELD]);
  });

  it('refuses a text that is found by chance', () => {
    expect(() => findInMemory(process.pid, ['short'])).toThrow('too short');
  });
});
