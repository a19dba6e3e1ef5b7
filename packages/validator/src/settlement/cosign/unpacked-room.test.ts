import { describe, expect, it } from 'vitest';
import { createUnpackedRoom } from './unpacked-room.ts';

const { signal } = new AbortController();
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Work that ends when it is told to. */
function createWork(mostBytes: number) {
  const takeRoom = createUnpackedRoom(mostBytes);
  const running = new Set<string>();
  const begin = (name: string, bytes: number, until = signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const done = takeRoom(bytes, until, async () => {
      running.add(name);
      return promise.finally(() => running.delete(name));
    });
    return { done, end: () => resolve(name), fail: () => reject(new Error(name)) };
  };
  return { running, begin };
}

describe('the room for what peers send packed', () => {
  it('holds as many bytes as there are for all peers together, and gives them back, also after a failure', async () => {
    const { running, begin } = createWork(10);
    const [a, b, c] = [begin('a', 6), begin('b', 4), begin('c', 4)];
    await settle();
    expect([...running]).toEqual(['a', 'b']);
    b.fail();
    await expect(b.done).rejects.toThrow('b');
    await settle();
    expect([...running]).toEqual(['a', 'c']);
    for (const one of [a, c]) one.end();
    expect(await Promise.all([a.done, c.done])).toEqual(['a', 'c']);
  });

  it('is taken in the order of asking, so that a large one has its turn though small ones come', async () => {
    const { running, begin } = createWork(10);
    const [a, large, small] = [begin('a', 5), begin('large', 10), begin('small', 1)];
    await settle();
    expect([...running]).toEqual(['a']);
    a.end();
    await settle();
    expect([...running]).toEqual(['large']);
    large.end();
    await settle();
    expect([...running]).toEqual(['small']);
    small.end();
    await small.done;
  });

  it('is had alone by what is larger than it, and not asked for by what was not packed', async () => {
    const { running, begin } = createWork(10);
    const [huge, plain, other] = [begin('huge', 11), begin('plain', 0), begin('other', 1)];
    await settle();
    expect([...running].sort()).toEqual(['huge', 'plain']);
    for (const one of [huge, plain, other]) one.end();
    await Promise.all([huge.done, plain.done, other.done]);
  });

  it('is not taken by an ended call, and the next one in the queue continues', async () => {
    const { running, begin } = createWork(10);
    const leaving = new AbortController();
    const [a, large, small] = [begin('a', 5), begin('large', 10, leaving.signal), begin('small', 5)];
    await settle();
    leaving.abort(new Error('left'));
    await expect(large.done).rejects.toThrow('left');
    await settle();
    expect([...running]).toEqual(['a', 'small']);
    const late = begin('late', 1, leaving.signal);
    await expect(late.done).rejects.toThrow('left');
    for (const one of [a, small]) one.end();
    await Promise.all([a.done, small.done]);
  });
});
