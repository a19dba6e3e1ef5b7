// Makes what is published: per package one tarball of compiled JavaScript with types, in `.pack`. Sources stay TypeScript in the
// repository, where Node strips the types; under node_modules it refuses to, so nothing is published from the sources.
// `node scripts/run.mjs scripts/pack.ts [--only NAME ...]`
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './steps.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  /** Of the source package: folders besides the compiled code that belong to it. */
  readonly files?: readonly string[];
  readonly [field: string]: unknown;
}

export interface PackedPackage {
  readonly name: string;
  readonly tarball: string;
  /** The folder that the tarball was made of. */
  readonly directory: string;
}

const compiled = (source: string): string => source.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '.js');

/** The manifest of the tarball: entries and programs are the compiled ones, and nothing that only the repository needs. */
export function publishManifest(source: Manifest): Record<string, unknown> {
  const { private: _private, devDependencies: _development, exports: entries, bin, files = [], ...rest } = source;
  return {
    ...rest,
    files: ['dist', ...files],
    exports: {
      ...Object.fromEntries(
        Object.entries(entries).map(([entry, target]) => [
          entry,
          { types: compiled(target).replace(/\.js$/, '.d.ts'), default: compiled(target) },
        ]),
      ),
      './package.json': './package.json',
    },
    ...(bin && { bin: Object.fromEntries(Object.entries(bin).map(([name, target]) => [name, compiled(target)])) }),
  };
}

/**
 * What the compiler leaves: specifiers in types, and modules that are named by an address to be started as a process.
 * @throws Error where a source file is still named, which no tarball holds.
 */
export function finishCompiled(path: string, text: string): string {
  const finished = text
    .replace(/(\bfrom\s+|\bimport\(|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
    .replace(/(new URL\()(['"`])(\.{1,2}\/[^'"`]+)\.ts\2(,\s*import\.meta\.url\))/g, '$1$2$3.js$2$4');
  const left = /new URL\((['"`])[^'"`]*\.ts\1,\s*import\.meta\.url/.exec(finished);
  if (left !== null) throw new Error(`${path} names a source file: ${left[0]}`);
  return finished;
}

function copyCompiled(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(js|d\.ts)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const target = join(to, path.slice(from.length));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, finishCompiled(path, readFileSync(path, 'utf8')));
  }
}

/** Files of these folders that git tracks: what lies there besides is nobody's to publish. */
function listTracked(source: string, folders: readonly string[]): string[] {
  if (folders.length === 0) return [];
  const list = execFileSync('git', ['ls-files', '-z', '--', ...folders], { cwd: source, encoding: 'utf8' });
  return list.split('\0').filter((file) => file !== '');
}

/** Packages that are published, in the order of their names. */
export function listPublished(): readonly string[] {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .filter((name) => readManifest(name).private !== true)
    .sort();
}

const readManifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest;

/** Compiles and packs; what an earlier run left is removed. */
export function packAll(names: readonly string[] = listPublished()): PackedPackage[] {
  const out = join(root, '.pack');
  rmSync(out, { recursive: true, force: true });
  // A source that was moved leaves its compiled file behind: only a clean build holds what the sources are.
  for (const name of names) rmSync(join(root, 'packages', name, '.tsc'), { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-b', '--force', ...names.map((name) => join('packages', name))],
    { cwd: root, stdio: 'inherit' },
  );
  return names.map((name) => {
    const source = join(root, 'packages', name);
    const directory = join(out, name);
    const manifest = readManifest(name);
    copyCompiled(join(source, '.tsc'), join(directory, 'dist'));
    for (const file of listTracked(source, manifest.files ?? [])) cpSync(join(source, file), join(directory, file));
    for (const file of ['README.md', 'LICENSE']) {
      const own = join(source, file);
      cpSync(existsSync(own) ? own : join(root, file), join(directory, file));
    }
    writeFileSync(join(directory, 'package.json'), `${JSON.stringify(publishManifest(manifest), null, 2)}\n`);
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', directory, '--pack-destination', out, '--json', '--ignore-scripts'], {
        cwd: out,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      }),
    ) as { filename: string }[];
    if (packed === undefined) throw new Error(`npm packed nothing of ${name}`);
    return { name: manifest.name, tarball: join(out, packed.filename.replace('@', '').replace('/', '-')), directory };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, tarball } of packAll()) console.log(`${name}: ${tarball.slice(root.length + 1)}`);
}
