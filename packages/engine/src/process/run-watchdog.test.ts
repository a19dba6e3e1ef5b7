import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRunWatchdog } from './run-watchdog.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('ends the child once a call runs too long, and counts the calls behind it from its end', async () => {
  const onLate = vi.fn();
  const { watch } = createRunWatchdog({ limitMs: 100, onLate });
  const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const calls = [watch(first.promise), watch(second.promise)];
  await vi.advanceTimersByTimeAsync(90);
  first.resolve(1);
  await vi.advanceTimersByTimeAsync(90);
  expect(onLate).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20);
  expect(onLate).toHaveBeenCalledOnce();
  second.resolve(2);
  expect(await Promise.all(calls)).toEqual([1, 2]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(onLate).toHaveBeenCalledOnce();
});
