// Makes the published tarballs in `.pack`: for each package compiled JavaScript with types. The repository runs TypeScript
// sources, from which Node strips the types, but Node refuses that under node_modules.
// `node scripts/run.mjs scripts/pack.ts [--only NAME ...]`
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatStarter } from './program-starter.ts';
import { root } from './steps.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly engines?: { readonly node?: string };
  /** In a source package: folders to publish besides the compiled code. */
  readonly files?: readonly string[];
  readonly [field: string]: unknown;
}

export interface PackedPackage {
  readonly name: string;
  readonly tarball: string;
  /** The folder from which the tarball was made. */
  readonly directory: string;
}

const compiled = (source: string): string => source.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '.js');

/** The file that npm links as a command: it starts the compiled program (program-starter.ts). */
const starterOf = (name: string): string => `bin/${name}.js`;

/** The manifest of the tarball: it names compiled entries and programs, and leaves out what only the repository needs. */
export function publishManifest(source: Manifest): Record<string, unknown> {
  const { private: _private, devDependencies: _development, exports: entries, bin, files = [], ...rest } = source;
  return {
    ...rest,
    files: ['dist', ...(bin ? ['bin'] : []), ...files],
    exports: {
      ...Object.fromEntries(
        Object.entries(entries).map(([entry, target]) => [
          entry,
          { types: compiled(target).replace(/\.js$/, '.d.ts'), default: compiled(target) },
        ]),
      ),
      './package.json': './package.json',
    },
    ...(bin && { bin: Object.fromEntries(Object.keys(bin).map((name) => [name, `./${starterOf(name)}`])) }),
  };
}

/**
 * Replaces names of source files that the compiler leaves: specifiers in types, and addresses of modules to start as processes.
 * @throws Error if the text still names a source file, because a tarball contains none.
 */
export function finishCompiled(path: string, text: string): string {
  const finished = text
    .replace(/(\bfrom\s+|\bimport\(|\bimport\s+)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
    .replace(/(new URL\()(['"`])(\.{1,2}\/[^'"`]+)\.ts\2(,\s*import\.meta\.url\))/g, '$1$2$3.js$2$4');
  const left = /new URL\((['"`])[^'"`]*\.ts\1,\s*import\.meta\.url/.exec(finished);
  if (left !== null) throw new Error(`${path} names a source file: ${left[0]}`);
  return finished;
}

/** A source that moved leaves its old compiled file behind, which is nobody's: only those with a source are copied. */
function copyCompiled({ from, sources, to }: { from: string; sources: string; to: string }): void {
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(js|d\.ts)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const source = join(sources, path.slice(from.length)).replace(/\.(js|d\.ts)$/, '');
    if (!['.ts', '.tsx'].some((ending) => existsSync(source + ending))) continue;
    const target = join(to, path.slice(from.length));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, finishCompiled(path, readFileSync(path, 'utf8')));
  }
}

/** Writes the starters of a package's programs. */
function writeStarters(
  { bin = {}, engines }: Manifest,
  { source, directory }: { source: string; directory: string },
): void {
  for (const [name, entry] of Object.entries(bin)) {
    const starter = starterOf(name);
    const [firstLine = ''] = readFileSync(join(source, entry), 'utf8').split('\n', 1);
    const program = compiled(entry).replace(/^\.\//, '');
    mkdirSync(join(directory, dirname(starter)), { recursive: true });
    const text = formatStarter({ name, starter, program, firstLine, engines: engines?.node ?? '' });
    writeFileSync(join(directory, starter), text, { mode: 0o755 });
  }
}

/** The files of these folders that git tracks. Others are not published. */
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

/** Removes earlier output, compiles and packs. */
export function packAll(names: readonly string[] = listPublished()): PackedPackage[] {
  const out = join(root, '.pack');
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-b', ...names.map((name) => join('packages', name))],
    { cwd: root, stdio: 'inherit' },
  );
  const made = names.map((name) => {
    const source = join(root, 'packages', name);
    const directory = join(out, name);
    const manifest = readManifest(name);
    copyCompiled({ from: join(source, '.tsc'), sources: join(source, 'src'), to: join(directory, 'dist') });
    writeStarters(manifest, { source, directory });
    for (const file of listTracked(source, manifest.files ?? [])) cpSync(join(source, file), join(directory, file));
    // A gateway's pages are built from sources that are no package.
    if (name === 'gateway') {
      const builder = join(root, 'apps/explorer/scripts/build.ts');
      execFileSync(process.execPath, [builder, join(directory, 'pages')], { cwd: root, stdio: 'inherit' });
    }
    for (const file of ['README.md', 'LICENSE']) {
      const own = join(source, file);
      cpSync(existsSync(own) ? own : join(root, file), join(directory, file));
    }
    writeFileSync(join(directory, 'package.json'), `${JSON.stringify(publishManifest(manifest), null, 2)}\n`);
    return { name: manifest.name, directory };
  });
  const packed = JSON.parse(
    execFileSync(
      'npm',
      [
        'pack',
        ...made.map(({ directory }) => directory),
        ...['--pack-destination', out, '--json', '--ignore-scripts', '--loglevel=error'],
      ],
      { cwd: out, encoding: 'utf8', shell: process.platform === 'win32' },
    ),
  ) as { name: string; filename: string }[];
  return made.map(({ name, directory }) => {
    const found = packed.find((one) => one.name === name);
    if (found === undefined) throw new Error(`npm packed nothing of ${name}`);
    return { name, tarball: join(out, found.filename.replace('@', '').replace('/', '-')), directory };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, tarball } of packAll()) console.log(`${name}: ${tarball.slice(root.length + 1)}`);
}
