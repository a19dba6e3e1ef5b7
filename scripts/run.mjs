// Runs a TypeScript entry on the project's own Node. It is plain JavaScript for any Node >= 20, because a fresh clone starts
// with it. It first installs what is missing.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { joinPrograms, listJoined } from './join-programs.mjs';

const { ppid } = process;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.ogong-installed');

const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const nodeName = `node-${platform}`;
const nodeVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies[nodeName];
const binary = (modules) => join(modules, nodeName, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const installed = binary(join(root, 'node_modules'));

const isRecent = () => Number(process.versions.node.split('.')[0]) >= 24;

/**
 * Runs npm on the given Node, because npm leaves out optional packages whose `engines` do not fit its own Node. Ctrl-C ends it at
 * once: by itself npm tidies up for minutes, beside the next attempt.
 */
async function npm(args, node) {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  let child;
  let stopped;
  const stop = (signal) => {
    stopped = signal;
    child?.kill('SIGKILL');
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
  child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: path },
    shell: process.platform === 'win32',
  });
  const code = await new Promise((done) => {
    child.once('error', () => done(1));
    child.once('exit', done);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
  if (stopped !== undefined) {
    console.error('\nogong: interrupted; nothing was installed, and the same command begins anew.');
    process.exit(stopped === 'SIGINT' ? 130 : 143);
  }
  if (code === 0) return;
  console.error(
    `ogong: npm ${args[0]} failed; check the network and the npm registry, then run the same command again.`,
  );
  process.exit(code ?? 1);
}

/** A Node that can run npm: this one if it is recent, otherwise the pinned one in a folder of its own. */
async function bootstrapNode() {
  if (isRecent()) return process.execPath;
  const prefix = join(root, '.cache', 'node');
  const local = binary(join(prefix, 'node_modules'));
  if (!existsSync(local)) {
    console.error(`ogong: fetching Node ${nodeVersion} (npm package ${nodeName}) ...`);
    // The final folder only ever holds a complete install.
    const partial = `${prefix}.partial`;
    for (const folder of [prefix, partial]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const fetched = `${nodeName}@${nodeVersion}`;
    const quiet = ['--no-save', '--ignore-scripts', '--loglevel=error'];
    await npm(['install', '--prefix', partial, ...quiet, fetched], process.execPath);
    renameSync(partial, prefix);
  }
  return local;
}

/** Where npm installs into. */
function listModules() {
  const packages = readdirSync(join(root, 'packages')).map((name) => join('packages', name));
  return ['.', 'contracts', 'lab', ...packages].map((folder) => join(root, folder, 'node_modules'));
}

async function install(lock) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (nodeVersion === undefined && !isRecent()) {
    console.error(`ogong: npm has no Node for ${platform}; install Node 24 or later and run the same command again.`);
    process.exit(1);
  }
  const node = await bootstrapNode();
  console.error('ogong: installing dependencies, about a minute ...');
  const unfinished = join(root, '.cache', 'installing');
  // An install that was interrupted may have left half of a package, which npm would take for the whole.
  if (existsSync(unfinished)) for (const folder of listModules()) rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(unfinished), { recursive: true });
  writeFileSync(unfinished, '');
  // Not `npm ci`: it refuses a lock file that lacks another platform's optional packages, which a mirror may not have.
  // `npm install` also installs the versions and hashes of the lock, and --no-save keeps the lock unchanged.
  await npm(['install', '--no-save', '--ignore-scripts', '--loglevel=error'], node);
  rmSync(unfinished);
  writeFileSync(stamp, lock);
}

/** The pinned Node, or this one if no pinned one is installed. */
function projectNode() {
  return existsSync(installed) ? installed : process.execPath;
}

const PROGRAMS = /^packages\/[^/]+\/src\/bin\//;
/** Entries that start programs of the packages; so do tests of whole daemons. */
const STARTS_PROGRAMS = /^(lab\/src\/|scripts\/(test|nightly)\.ts$)/;
const TETHER = join(root, 'packages', 'devnet', 'src', 'mesh', 'tether.ts');

/** The entry to run, what ties it to this launcher, and the environment that names the joined programs. `OGONG_PROGRAMS=sources` runs all from their sources. */
async function findProgram(entry, lock) {
  const source = join(root, entry);
  const asSource = { path: source, tether: TETHER, env: {} };
  const name = entry.replaceAll('\\', '/');
  const startsPrograms = PROGRAMS.test(name) || STARTS_PROGRAMS.test(name) || args.includes('e2e');
  if (process.env.OGONG_PROGRAMS || !startsPrograms) return asSource;
  const folder = await joinPrograms(root, lock);
  if (folder === undefined) return asSource;
  const list = listJoined(folder);
  const env = { OGONG_PROGRAMS: folder };
  if (list[source] === undefined) return { ...asSource, env };
  return {
    ...{ path: list[source], tether: list[TETHER] ?? TETHER },
    env,
  };
}

const [entry, ...args] = process.argv.slice(2);
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
await install(lock);
const node = projectNode();
if (!entry) {
  console.error('usage: node scripts/run.mjs ENTRY.ts [ARGS...]');
  process.exit(2);
}
const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
// A program's first line has the flags that it is to run with: `#!/usr/bin/env -S node FLAGS`.
const flags = /^#!\/usr\/bin\/env -S node (.+)/
  .exec(readFileSync(join(root, entry), 'utf8'))?.[1]
  .trim()
  .split(/\s+/);
const program = await findProgram(entry, lock);
// A program that restarts this one later names the launcher: joined files go when the sources change.
const launcher = JSON.stringify([fileURLToPath(import.meta.url), entry.replaceAll('\\', '/')]);
// Started programs, and their children, keep their compiled code: a start from sources takes half the processor's time.
const compiled = { NODE_COMPILE_CACHE: join(root, '.cache', 'compile') };
// A program of the packages ends with this launcher, however that ends.
const isProgram = PROGRAMS.test(entry.replaceAll('\\', '/'));
const child = spawn(
  node,
  [
    ...(flags ?? ['--disable-warning=ExperimentalWarning']),
    ...(isProgram ? ['--import', pathToFileURL(program.tether).href] : []),
    program.path,
    ...args,
  ],
  {
    stdio: ['inherit', 'inherit', 'inherit', ...(isProgram ? ['ipc'] : [])],
    env: { ...compiled, ...program.env, ...process.env, OGONG_LAUNCHER: launcher, PATH: path },
  },
);
process.on('SIGTERM', () => child.kill('SIGTERM'));
// A terminal sends Ctrl-C to the child too. A second signal would end it at once instead of letting it finish.
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
// Told to stop, npm ends the shell between itself and this launcher, and nobody else.
if (process.env.npm_lifecycle_event !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 500);
  watch.unref();
}
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
