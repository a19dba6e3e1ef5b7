// Runs a TypeScript entry on the project's own Node. It is plain JavaScript for any Node >= 20, because a fresh clone starts
// with it. It first installs what is missing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joinPrograms, listJoined } from './join-programs.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.ogong-installed');

const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
const nodeName = `node-${platform}`;
const nodeVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).optionalDependencies[nodeName];
const binary = (modules) => join(modules, nodeName, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
const installed = binary(join(root, 'node_modules'));

const isRecent = () => Number(process.versions.node.split('.')[0]) >= 24;

/** Runs npm on the given Node, because npm leaves out optional packages whose `engines` do not fit its own Node. */
function npm(args, node) {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: path },
    shell: process.platform === 'win32',
  });
  if (result.status === 0) return;
  console.error(
    `ogong: npm ${args[0]} failed; check the network and the npm registry, then run the same command again.`,
  );
  process.exit(result.status ?? 1);
}

/** A Node that can run npm: this one if it is recent, otherwise the pinned one in a folder of its own. */
function bootstrapNode() {
  if (isRecent()) return process.execPath;
  const prefix = join(root, '.cache', 'node');
  const local = binary(join(prefix, 'node_modules'));
  if (!existsSync(local)) {
    console.error(`ogong: fetching Node ${nodeVersion} (npm package ${nodeName}) ...`);
    mkdirSync(prefix, { recursive: true });
    npm(
      [
        'install',
        '--prefix',
        prefix,
        '--no-save',
        '--ignore-scripts',
        '--loglevel=error',
        `${nodeName}@${nodeVersion}`,
      ],
      process.execPath,
    );
  }
  return local;
}

function install(lock) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (nodeVersion === undefined && !isRecent()) {
    console.error(`ogong: npm has no Node for ${platform}; install Node 24 or later and run the same command again.`);
    process.exit(1);
  }
  const node = bootstrapNode();
  console.error('ogong: installing dependencies, about a minute ...');
  // Not `npm ci`: it refuses a lock file that lacks another platform's optional packages, which a mirror may not have.
  // `npm install` also installs the versions and hashes of the lock, and --no-save keeps the lock unchanged.
  npm(['install', '--no-save', '--ignore-scripts', '--loglevel=error'], node);
  writeFileSync(stamp, lock);
}

/** The pinned Node, or this one if no pinned one is installed. */
function projectNode() {
  return existsSync(installed) ? installed : process.execPath;
}

/** Entries that are a program of the packages, or that start some; so do tests of whole daemons. */
const STARTS_PROGRAMS = /^(packages\/[^/]+\/src\/bin\/|lab\/src\/|scripts\/(test|nightly)\.ts$)/;

/** The entry to run, and the environment that names the joined programs. `OGONG_PROGRAMS=sources` runs all from their sources. */
async function findProgram(entry, lock) {
  const source = join(root, entry);
  const startsPrograms = STARTS_PROGRAMS.test(entry.replaceAll('\\', '/')) || args.includes('e2e');
  if (process.env.OGONG_PROGRAMS || !startsPrograms) return { path: source, env: {} };
  const folder = await joinPrograms(root, lock);
  if (folder === undefined) return { path: source, env: {} };
  const joined = listJoined(folder)[source];
  const env = { OGONG_PROGRAMS: folder };
  if (joined === undefined) return { path: source, env };
  return { path: joined, env: { NODE_COMPILE_CACHE: join(root, '.cache', 'compile'), ...env } };
}

const [entry, ...args] = process.argv.slice(2);
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
install(lock);
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
const child = spawn(node, [...(flags ?? ['--disable-warning=ExperimentalWarning']), program.path, ...args], {
  stdio: 'inherit',
  env: { ...program.env, ...process.env, PATH: path },
});
process.on('SIGTERM', () => child.kill('SIGTERM'));
// A terminal sends Ctrl-C to the child too. A second signal would end it at once instead of letting it finish.
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
