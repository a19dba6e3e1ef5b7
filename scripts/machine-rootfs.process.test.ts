import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packTree, writeLayout } from './machine-rootfs.ts';

it('an image is the same for everybody, whatever their clocks and umasks are, and another one where a byte differs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-image-'));
  const build = async (name: string, { text = 'a program', mode = 0o644, second = 1 } = {}) => {
    const tree = join(folder, name);
    mkdirSync(join(tree, 'b', 'c'), { recursive: true });
    // In another order, by another umask, at another time.
    for (const file of second % 2 === 0 ? ['b/c/one', 'a'] : ['a', 'b/c/one']) {
      writeFileSync(join(tree, file), `${text} ${file}`);
      chmodSync(join(tree, file), mode);
      utimesSync(join(tree, file), second, second);
    }
    const layer = join(folder, `${name}.tar`);
    packTree(tree, layer);
    return writeLayout(layer, join(folder, `${name}-layout`));
  };
  try {
    const first = await build('first');
    expect(await build('second', { mode: 0o600, second: 2_000_000_000 })).toEqual(first);
    expect(await build('other', { text: 'another program' })).not.toEqual(first);
    const index = JSON.parse(readFileSync(join(folder, 'first-layout', 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    expect(index.manifests.map(({ digest }) => digest)).toEqual([first.digest]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
