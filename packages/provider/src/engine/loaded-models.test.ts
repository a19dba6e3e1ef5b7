import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLoadedModels } from './loaded-models.ts';

const clock = { nowMs: () => Date.now() };
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());

function createSubject(room = 10) {
  const open = new Set<string>();
  const loads: string[] = [];
  const subject = createLoadedModels({
    clock,
    keepMs: 300_000,
    async load(reference): Promise<Engine> {
      if (reference === 'broken') throw new EngineError('model-corrupt', 'broken');
      if (open.size >= room) throw new EngineError('not-enough-memory', 'full');
      loads.push(reference);
      open.add(reference);
      const engine = createFakeEngine();
      return {
        ...engine,
        async close() {
          open.delete(reference);
          await engine.close();
        },
      };
    },
  });
  const use = async (reference: string, keepMs?: number) => (await subject.borrow({ reference }, keepMs)).release();
  return { subject, open, loads, use };
}

describe('loaded models', () => {
  it('load once, however many ask, and go when nobody has asked for so long', async () => {
    const { subject, open, loads, use } = createSubject();
    await Promise.all([use('a'), use('a')]);
    expect([...open, ...loads]).toEqual(['a', 'a']);
    await vi.advanceTimersByTimeAsync(299_000);
    await use('a');
    await vi.advanceTimersByTimeAsync(299_000);
    expect(open.has('a')).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(open.has('a')).toBe(false);
    await subject.close();
  });

  it('stay while they are used, and for ever where that was asked', async () => {
    const { subject, open, use } = createSubject();
    const { release } = await subject.borrow({ reference: 'a' }, 0);
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(open.has('a')).toBe(true);
    release();
    release();
    await vi.advanceTimersByTimeAsync(0);
    expect(open.has('a')).toBe(false);
    await use('b', Number.POSITIVE_INFINITY);
    expect(subject.list()[0]?.expiresAtMs).toBe(Number.POSITIVE_INFINITY);
    await vi.advanceTimersByTimeAsync(1e9);
    expect(open.has('b')).toBe(true);
    await subject.close();
    expect(open.size).toBe(0);
  });

  it('make room: the longest unused goes, one in use does not', async () => {
    const { subject, open, use } = createSubject(2);
    const a = await subject.borrow({ reference: 'a' });
    await use('b');
    await use('c');
    expect([...open]).toEqual(['a', 'c']);
    const c = await subject.borrow({ reference: 'c' });
    await expect(subject.borrow({ reference: 'd' })).rejects.toMatchObject({ code: 'not-enough-memory' });
    a.release();
    c.release();
    await subject.close();
  });

  it('are unloaded at once on request, after those who use them', async () => {
    const { subject, open } = createSubject();
    const lease = await subject.borrow({ reference: 'a' });
    await subject.unload('a');
    expect(open.has('a')).toBe(true);
    lease.release();
    await vi.advanceTimersByTimeAsync(0);
    expect(open.has('a')).toBe(false);
    await subject.unload('a');
    await subject.close();
  });

  it('that cannot be loaded fail for who asked, and for nobody else', async () => {
    const { subject, use, loads } = createSubject();
    await expect(use('broken')).rejects.toMatchObject({ code: 'model-corrupt' });
    await use('a');
    expect(loads).toEqual(['a']);
    await subject.close();
  });
});
