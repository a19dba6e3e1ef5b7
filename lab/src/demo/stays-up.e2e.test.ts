import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

it.runIf(process.env.OGONG_LONG === '1')(
  'the demo, by night, since it takes a minute: it names its explorer, leaves it up, and ends at Ctrl-C',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ogong-stays-up-'));
    const argv = [
      'scripts/run.mjs',
      'lab/src/demo/main.ts',
      '--shards',
      'off',
      '--hub',
      'off',
      '--dir',
      join(folder, 'demo'),
    ];
    const demo = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(demo, 'exit');
    try {
      let text = '';
      const named = new Promise<string>((resolve, reject) => {
        for (const stream of [demo.stdout, demo.stderr])
          stream.on('data', (chunk) => {
            text += String(chunk);
            const [, url] = /stays up .* (http:\S+\/explorer\/)\n/.exec(text) ?? [];
            if (url !== undefined) resolve(url);
          });
        void ended.then(() => reject(new Error(`it ended before it named a page: ${text.slice(-2_000)}`)));
      });
      const url = await named;
      const page = await fetch(url, { headers: { accept: 'text/html' } });
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('explorer.js')]);
      // The data of the page are served as well.
      const network = await fetch(new URL('/public/network', url));
      expect(await network.json()).toMatchObject({ settlement: expect.stringMatching(/^0x/) });
      expect(demo.exitCode).toBe(null);
      demo.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
      await expect(fetch(url)).rejects.toThrow();
    } finally {
      if (demo.exitCode === null) demo.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  },
  900_000,
);
