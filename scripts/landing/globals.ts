import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';

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
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  /** Folder of a workspace, if it is a link to one. */
  readonly resolved?: string;
}

type LockedPackages = Readonly<Record<string, LockedPackage>>;

interface VersionOptions {
  /** Folder of a workspace of the repository. Only the packages that it depends on count. Default: all. */
  readonly workspace?: string;
  readonly node?: string;
}

/** Returns the version of Node and of every package that npm installs. Packages of this repository do not count: the graph has their files. */
export function listVersions(
  root: string,
  { workspace, node = process.version }: VersionOptions = {},
): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: LockedPackages;
  };
  const needed = workspace === undefined ? undefined : findNeeded(packages, workspace);
  const installed = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && link !== true && (needed?.has(path) ?? true),
  );
  const lines = installed.map(([path, { version, integrity }]) => `${path} ${version} ${integrity}`);
  return [`node ${node}`, ...lines.sort()];
}

/** Finds the packages that a workspace depends on, over all levels, where Node finds them. */
function findNeeded(packages: LockedPackages, workspace: string): ReadonlySet<string> {
  const needed = new Set<string>();
  const waiting = [workspace];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = packages[path] ?? {};
    // npm installs the development packages of a workspace alone.
    const own = path === workspace ? devDependencies : undefined;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies, ...own })) {
      const found = findInstalled(packages, path, name);
      if (found === undefined || needed.has(found)) continue;
      needed.add(found);
      const { link, resolved } = packages[found] as LockedPackage;
      waiting.push(link && resolved !== undefined ? resolved : found);
    }
  }
  return needed;
}

function findInstalled(packages: LockedPackages, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = folder === '.' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === '.') return undefined;
  }
}
