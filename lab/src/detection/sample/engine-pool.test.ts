import { describe, expect, it } from 'vitest';
import { createEnginePool } from './engine-pool.ts';

function createFakes() {
  const log: string[] = [];
  let count = 0;
  const open = async ({ modelPath }: { modelPath: string }) => {
    const name = `${modelPath}${++count}`;
    log.push(`open ${name}`);
    return { name, close: async () => void log.push(`close ${name}`) };
  };
  // biome-ignore lint/suspicious/noExplicitAny: a stand-in with the two members that the pool knows.
  return { log, open: open as any };
}

describe('the engine pool', () => {
  it('reuses engines, and lends each to one user at a time', async () => {
    const { log, open } = createFakes();
    const pool = createEnginePool(4, open);
    await pool.use({ modelPath: 'a' }, async () => pool.use({ modelPath: 'a' }, async () => undefined));
    await pool.use({ modelPath: 'a' }, async () => undefined);
    expect(log).toEqual(['open a1', 'open a2']);
    await pool.close();
    expect(log.slice(2).sort()).toEqual(['close a1', 'close a2']);
  });

  it('distinguishes engines by every setting, in any order of keys', async () => {
    const { log, open } = createFakes();
    const pool = createEnginePool(4, open);
    await pool.use({ modelPath: 'a', threads: 1 }, async () => undefined);
    await pool.use({ threads: 1, modelPath: 'a' }, async () => undefined);
    await pool.use({ modelPath: 'a', threads: 2 }, async () => undefined);
    expect(log).toEqual(['open a1', 'open a2']);
    await pool.close();
  });

  it('closes the engine that has been idle longest', async () => {
    const { log, open } = createFakes();
    const pool = createEnginePool(1, open);
    await pool.use({ modelPath: 'a' }, async () => undefined);
    await pool.use({ modelPath: 'b' }, async () => undefined);
    expect(log).toEqual(['open a1', 'open b2', 'close a1']);
    await pool.close();
  });

  it('closes an engine that is returned after the pool was closed', async () => {
    const { log, open } = createFakes();
    const pool = createEnginePool(4, open);
    await pool.use({ modelPath: 'a' }, () => pool.close());
    expect(log).toEqual(['open a1', 'close a1']);
  });

  it('never lends an engine again that failed', async () => {
    const { log, open } = createFakes();
    const pool = createEnginePool(4, open);
    const failed = pool.use({ modelPath: 'a' }, async () => {
      throw new Error('crashed');
    });
    await expect(failed).rejects.toThrow('crashed');
    await pool.use({ modelPath: 'a' }, async () => undefined);
    expect(log).toEqual(['open a1', 'close a1', 'open a2']);
    await pool.close();
  });
});
