import { toPrintable } from '@ogong/protocol/base/printable';
import { expect, it, vi } from 'vitest';
import { processOutput } from '../lifecycle/command.ts';
import { processHost } from '../lifecycle/process-host.ts';
import { Refusal, toLinkError } from '../link/link-error.ts';
import { describeFailure } from './errors.ts';

const HOSTILE = 'gone\u001b[2J\u009b1A\rall good\u0007';
/** Sets the clipboard of many terminals (OSC 52). */
const CLIPBOARD = '\u001b]52;c;cm0gLXJmIC8=\u0007';
/** Shows as `txt.exe` backwards. */
const TURNED = 'a\u202etxt\u202c\u2066b\u2069\u2028c';

it('removes control sequences from a text, and leaves every letter', () => {
  expect(toPrintable(HOSTILE)).toBe('gone\ufffd[2J\ufffd1A\ufffdall good\ufffd');
  expect(toPrintable(CLIPBOARD)).toBe('\ufffd]52;c;cm0gLXJmIC8=\ufffd');
  expect(toPrintable(TURNED)).toBe('a\ufffdtxt\ufffd\ufffdb\ufffd\ufffdc');
  expect(toPrintable('naïve\n\tעברית 😀 👩‍💻')).toBe('naïve\n\tעברית 😀 👩‍💻');
});

it('is applied to every failure', () => {
  const failure = Object.assign(new Error(HOSTILE), { code: 'timeout' });
  expect(describeFailure(failure)).toBe(`internal error: ${toPrintable(HOSTILE)}`);
});

it('is applied to the message of a peer', () => {
  expect(toLinkError(new Refusal('invalid', CLIPBOARD)).message).toBe(toPrintable(CLIPBOARD));
  expect(toLinkError(new Refusal('invalid', 'x'.repeat(100_000))).message.length).toBeLessThan(3_000);
});

it('is applied to all that a program writes to a terminal, and a pipe gets the exact output', () => {
  const written: unknown[] = [];
  const keep = (text: unknown): boolean => written.push(text) > 0;
  const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(keep));
  const { isTTY } = process.stdout;
  try {
    process.stdout.isTTY = true;
    processOutput.write(CLIPBOARD);
    processOutput.writeError(HOSTILE);
    processHost.writeError(HOSTILE);
    process.stdout.isTTY = false;
    processOutput.write(CLIPBOARD);
    processOutput.writeError(HOSTILE);
  } finally {
    process.stdout.isTTY = isTTY;
    for (const spy of spies) spy.mockRestore();
  }
  const printable = toPrintable(HOSTILE);
  expect(written).toEqual([toPrintable(CLIPBOARD), printable, printable, CLIPBOARD, printable]);
});
