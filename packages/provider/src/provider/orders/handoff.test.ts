import { describe, expect, it } from 'vitest';
import { createHandoff } from './handoff.ts';

describe('handoff', () => {
  it('passes values in order and holds the sender back until each was dealt with', async () => {
    const handoff = createHandoff<number>();
    const log: string[] = [];
    const sending = (async () => {
      for (const n of [1, 2, 3]) {
        expect(await handoff.send(n)).toBe(true);
        log.push(`sent ${n}`);
      }
      handoff.end();
    })();
    for await (const n of handoff.read()) log.push(`read ${n}`);
    await sending;
    expect(log).toEqual(['read 1', 'sent 1', 'read 2', 'sent 2', 'read 3', 'sent 3']);
  });

  it('releases a sender whose reader leaves, and every later one', async () => {
    let gone = 0;
    const handoff = createHandoff<number>(() => gone++);
    const first = handoff.send(1);
    for await (const _ of handoff.read()) break;
    expect(await first).toBe(false);
    expect(await handoff.send(2)).toBe(false);
    expect(gone).toBe(1);
  });

  it('hands an error to the reader after the values before it', async () => {
    const handoff = createHandoff<number>();
    const seen: number[] = [];
    const read = (async () => {
      for await (const n of handoff.read()) seen.push(n);
    })();
    await handoff.send(1);
    handoff.end(new Error('broken'));
    await expect(read).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });
});
