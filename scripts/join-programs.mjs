// Joins each program of the packages, with all that it imports, into a few files. Node reads those in a quarter of the time
// and half the memory that hundreds of sources take. Plain JavaScript, because run.mjs uses it on any Node >= 20.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Changes with this file's way of joining. */
const FORMAT = 2;
/** Their native parts lie beside their code. */
const EXTERNAL = [
  'koffi',
  '@foundry-rs/anvil',
  '@node-llama-cpp/*',
  '@chainsafe/blst',
  'secp256k1',
  'tiny-secp256k1',
  'esbuild',
];
/** Says for each source of a program which file to run. Those who start programs read it (devnet's `joined-program.ts`). */
const LIST = 'programs.json';
/** A program that runs starts its children from the folder that it came from, so folders of before stay for a while. */
const KEPT_FOLDERS = 4;
/** How a source names a module that it starts as a process. */
const CHILD = /new URL\((['"])(\.{1,2}\/[^'"]+\.ts)\1,\s*import\.meta\.url\)/g;

/**
 * The folder of a clone's joined programs. They are joined again where a source has changed.
 * @param lock names what is installed.
 * @returns undefined where they cannot be joined; then the sources run as they are.
 */
export async function joinPrograms(root, lock) {
  const cache = join(root, '.cache', 'programs');
  const statePath = join(cache, 'state.json');
  const state = readJson(statePath);
  if (isCurrent(root, state, lock)) return state.folder;
  const temporary = join(cache, `making-${randomUUID()}`);
  try {
    mkdirSync(temporary, { recursive: true });
    const stamps = Object.fromEntries(listSources(root).map((path) => [path, stampOf(join(root, path))]));
    const folder = join(cache, hashOf(`${FORMAT} ${root} ${lock} ${JSON.stringify(stamps)}`));
    const sources = Object.keys(stamps);
    await joinInto(temporary, { root, folder, sources, entries: sources.filter(isProgram) });
    moveInto(temporary, folder);
    writeFileSync(`${temporary}.json`, JSON.stringify({ format: FORMAT, lock, folder, stamps }));
    renameSync(`${temporary}.json`, statePath);
    forgetOthers(cache, folder);
    return folder;
  } catch (error) {
    // A source that is wrong, a native part that is not named above, or a disk that is full. Without joined files, nothing waits.
    rmSync(temporary, { recursive: true, force: true });
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') {
      const [reason] = [error?.errors?.[0]?.text ?? error?.message ?? String(error)];
      console.error(
        `ogong: the programs start slower, from their sources, because they could not be joined: ${reason}`,
      );
    }
    return undefined;
  }
}

/**
 * Joins modules that are no programs of the packages, with all that they import, into a new folder of the caller's.
 * @param folders of sources outside the packages that users get. All paths are below the root.
 * @throws Error where esbuild is missing or a source is wrong.
 * @internal for the load of the laboratory
 */
export async function joinModules(root, { folder, entries, folders }) {
  const sources = [...listSources(root), ...folders.flatMap((name) => listBelow(root, join(root, name)))];
  await joinInto(folder, { root, folder, sources, entries });
}

/** Where there are joined programs of equal stamps, made by another run, maybe at this moment, programs may start from there already. */
function moveInto(temporary, folder) {
  try {
    if (!existsSync(folder)) return renameSync(temporary, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
  rmSync(temporary, { recursive: true, force: true });
}

/** The joined programs in a folder: by the path of a source, the file to run in its place. */
export function listJoined(folder) {
  const names = readJson(join(folder, LIST)) ?? {};
  return Object.fromEntries(Object.entries(names).map(([source, name]) => [source, join(folder, name)]));
}

/** The file name of a joined program, of its source's path below the root. */
const joinedName = (path) =>
  `${path
    .replace(/\.ts$/, '')
    .split(/[/\\]/)
    .filter((part) => part !== 'packages' && part !== 'src')
    .join('.')}.mjs`;

const hashOf = (text) => createHash('sha256').update(text).digest('hex').slice(0, 24);

const isSource = (name) => name.endsWith('.ts') && !/\.(test|fuzz)\.ts$/.test(name);

/** The packages' sources, each by its path below the root. */
function listSources(root) {
  const folders = readdirSync(join(root, 'packages'))
    .filter((name) => name !== 'testing')
    .map((name) => join(root, 'packages', name, 'src'))
    .filter((folder) => existsSync(folder));
  return folders.flatMap((folder) => listBelow(root, folder));
}

const listBelow = (root, folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && isSource(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));

function stampOf(path) {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs} ${size}`;
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isCurrent(root, state, lock) {
  if (state?.format !== FORMAT || state.lock !== lock || !existsSync(state.folder)) return false;
  const sources = listSources(root);
  if (sources.length !== Object.keys(state.stamps).length) return false;
  return sources.every((path) => stampOf(join(root, path)) === state.stamps[path]);
}

const isProgram = (path) => /[/\\]bin[/\\][^/\\]+\.ts$/.test(path);

/** @param folder where the programs will lie. */
async function joinInto(directory, { root, folder, sources, entries: given }) {
  const { build } = await import(pathToFileURL(join(root, 'node_modules', 'esbuild', 'lib', 'main.js')).href);
  const located = new Map();
  const entries = new Set(given);
  for (const path of sources) {
    const text = readFileSync(join(root, path), 'utf8');
    if (!text.includes('import.meta.url')) continue;
    located.set(join(root, path), text);
    for (const [, , child] of text.matchAll(CHILD)) entries.add(relative(root, resolve(root, dirname(path), child)));
  }
  await build({
    entryPoints: [...entries].map((path) => ({ in: join(root, path), out: joinedName(path).replace(/\.mjs$/, '') })),
    outdir: directory,
    absWorkingDir: root,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: EXTERNAL,
    // Modules in CommonJS call it.
    banner: {
      js: "import { createRequire as joinedRequire } from 'node:module'; const require = joinedRequire(import.meta.url);",
    },
    legalComments: 'none',
    // Every daemon keeps its text in memory. Names stay as they are, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'silent',
    plugins: [{ name: 'places', setup: (context) => keepPlaces(context, { root, folder, located }) }],
  });
  const list = Object.fromEntries([...entries].map((path) => [join(root, path), joinedName(path)]));
  writeFileSync(join(directory, LIST), JSON.stringify(list));
}

/** Keeps the folder by which a source finds files beside it. Modules that it starts are joined ones. */
function keepPlaces(context, { root, folder, located }) {
  const names = [...located.keys()].map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  context.onLoad({ filter: new RegExp(`^(${names.join('|')})$`) }, ({ path }) => {
    const contents = located
      .get(path)
      .replace(CHILD, (_, _quote, child) => {
        const joined = join(folder, joinedName(relative(root, resolve(dirname(path), child))));
        return `new URL(${JSON.stringify(pathToFileURL(joined).href)})`;
      })
      .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
    return { contents, loader: 'ts' };
  });
}

/** Removes the oldest folders, and what interrupted runs have left. */
function forgetOthers(cache, folder) {
  const others = readdirSync(cache, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && join(cache, entry.name) !== folder)
    .map(({ name }) => ({ path: join(cache, name), madeMs: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.madeMs - a.madeMs);
  for (const { path } of others.slice(KEPT_FOLDERS)) rmSync(path, { recursive: true, force: true });
}
