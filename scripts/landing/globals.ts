import { readFileSync } from 'node:fs';
import { join } from 'node:path/posix';

/** Code and settings that every test runs under. Their imports do not count: they choose tests, report them and install packages. */
export const GLOBAL_INPUTS: readonly string[] = [
  'code:scripts/join-programs.mjs',
  'code:scripts/no-process.setup.ts',
  'code:scripts/own-store.setup.ts',
  'code:scripts/properties.setup.ts',
  'code:vitest.config.ts',
  'tsconfig.base.json',
];

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

/** Returns the version of Node and of every package that npm installs. Packages of this repository do not count: the graph has their files. */
export function listVersions(root: string, node: string = process.version): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const installed = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && link !== true,
  );
  const lines = installed.map(([path, { version, integrity }]) => `${path} ${version} ${integrity}`);
  return [`node ${node}`, ...lines.sort()];
}
