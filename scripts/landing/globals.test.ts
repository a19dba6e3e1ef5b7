import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listVersions } from './globals.ts';

it('versions are those of Node and of installed packages, not of the packages of this repository', () => {
  const root = mkdtempSync(join(tmpdir(), 'ogong-lock-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const packages = {
    '': { version: '0.1.0' },
    'packages/a': { version: '0.1.0', dependencies: { zod: '*' } },
    lab: { dependencies: { '@ogong/a': '*', zod: '*' }, devDependencies: { hono: '1.0.0' } },
    'node_modules/hono': { version: '1.0.0', integrity: 'sha512-z', peerDependencies: { absent: '1' } },
    'node_modules/@ogong/a': { resolved: 'packages/a', link: true },
    'node_modules/zod': { version: '4.0.0', integrity: 'sha512-x' },
    'node_modules/unused': { version: '2.0.0', integrity: 'sha512-w' },
    'lab/node_modules/zod': { version: '3.0.0', integrity: 'sha512-y' },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  expect(listVersions(root, { node: 'v24' })).toEqual([
    'node v24',
    'lab/node_modules/zod 3.0.0 sha512-y',
    'node_modules/hono 1.0.0 sha512-z',
    'node_modules/unused 2.0.0 sha512-w',
    'node_modules/zod 4.0.0 sha512-x',
  ]);
  expect(listVersions(root, { node: 'v24', workspace: 'lab' })).toEqual([
    'node v24',
    'lab/node_modules/zod 3.0.0 sha512-y',
    'node_modules/hono 1.0.0 sha512-z',
    'node_modules/zod 4.0.0 sha512-x',
  ]);
});
