import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChildContract } from './child-messages.ts';
import { createSupervisor } from './supervisor.ts';

interface TestContract extends ChildContract {
  readonly load: { readonly modelPath: string; readonly shapes: string };
  readonly info: { readonly shapes: string };
  readonly call: { readonly kind: 'ask' };
  readonly results: { readonly ask: string };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-supervisor-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a supervised engine', () => {
  it('steps after a restart as it chose to at first: a seeded request is answered the same', async () => {
    const asked = join(folder, 'asked');
    const path = join(folder, 'child.mjs');
    // Says that it chose, writes down what it was asked for, and dies of the first request.
    await writeFile(
      path,
      `import { appendFileSync } from 'node:fs';
       process.on('message', (message) => {
         if (message.kind === 'load') {
           appendFileSync(${JSON.stringify(asked)}, message.options.shapes + '\\n');
           process.send({ kind: 'ready', info: { shapes: 'single' } });
         } else process.exit(message.kind === 'close' ? 0 : 1);
       });`,
    );
    const restarted = Promise.withResolvers<void>();
    let starts = 0;
    const supervisor = await createSupervisor<TestContract>({
      child: { path },
      load: { modelPath: 'none', shapes: 'auto' },
      reload: (first, { shapes }) => ({ ...first, shapes }),
      onEvent({ kind }) {
        if (kind === 'ready' && ++starts === 2) restarted.resolve();
      },
    });
    try {
      await expect(supervisor.call({ kind: 'ask' })).rejects.toThrow(/restarted/);
      await restarted.promise;
      expect((await readFile(asked, 'utf8')).trim().split('\n')).toEqual(['auto', 'single']);
    } finally {
      await supervisor.close();
    }
  });

  it.each([
    ['nothing', 'null'],
    ['bytes of a size that no token has', "{ kind: 'packed', events: [[1, 'text', 5, new Array(2 ** 32 - 1), -1]] }"],
    ['an error without a code', "{ kind: 'error', id: 1, error: null }"],
  ])('ends a child that sends %s, and serves on with the next one', async (_what, message) => {
    const path = join(folder, 'hostile.mjs');
    const asked = join(folder, 'hostile');
    await rm(asked, { force: true });
    await writeFile(
      path,
      `import { existsSync, writeFileSync } from 'node:fs';
       process.on('message', ({ kind, id }) => {
         if (kind === 'close') process.exit(0);
         if (kind === 'load') return process.send({ kind: 'ready', info: { shapes: 'single' } });
         if (existsSync(${JSON.stringify(asked)})) return process.send({ kind: 'result', id, value: 'well' });
         writeFileSync(${JSON.stringify(asked)}, '');
         process.send(${message});
       });`,
    );
    const load = { modelPath: 'none', shapes: 'auto' };
    const supervisor = await createSupervisor<TestContract>({ child: { path }, load });
    try {
      await expect(supervisor.call({ kind: 'ask' })).rejects.toThrow(/not of its form.*restarted/);
      expect(await supervisor.call({ kind: 'ask' })).toBe('well');
    } finally {
      await supervisor.close();
    }
  });

  it('says why native code ended it, and no address of the back trace', async () => {
    const path = join(folder, 'aborts.mjs');
    await writeFile(
      path,
      `console.error('reading the model');
       console.error('CUDA error: the provided PTX was compiled with an unsupported toolchain.');
       console.error('  cudaFuncGetAttributes(&attr, kernel)');
       console.error('/lib/libggml.so(ggml_abort+0x152)[0x7f67e4b82f42]\\nnode[0x8aa901]\\n[0x7f67c7dcf08d]');
       process.exitCode = 1;
       process.disconnect();`,
    );
    const load = { modelPath: 'none', shapes: 'auto' };
    const opened = createSupervisor<TestContract>({ child: { path }, load });
    await expect(opened).rejects.toThrow(
      /exit code 1\): CUDA error: the provided PTX was compiled .* toolchain\. while/,
    );
    await writeFile(path, "console.error('no room\\n[0x7f67c7dcf08d]'); process.exitCode = 1; process.disconnect();");
    await expect(createSupervisor<TestContract>({ child: { path }, load })).rejects.toThrow(
      'exit code 1): no room while',
    );
  });
});
