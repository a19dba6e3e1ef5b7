import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData, Package } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowserPage, whyNoBrowser } from '../packages/sdk/scripts/browser-page.ts';
import { bundle } from '../packages/sdk/scripts/build.ts';
import { type PackedPackage, packAll } from './pack.ts';

const run = promisify(execFile);
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const browserReason = whyNoBrowser();

/** Returns the folder of an empty project. */
function createProject(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-published-'));
  directories.push(directory);
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  return directory;
}

/** Installs packages from their tarballs into a project, as a user would. */
async function install(directory: string, tarballs: readonly string[]): Promise<void> {
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run(npm, ['install', ...flags, ...tarballs], { cwd: directory });
}

/** Names of all packages below node_modules, scoped ones with their scope. */
function listInstalled(directory: string): string[] {
  const modules = join(directory, 'node_modules');
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
    );
}

/**
 * Reads a tarball for the check of types. The check looks for folders and reads the manifest again for each entry and file, which takes most
 * of its time. So the folders are listed once, and a short manifest beside the compiled files states their module type.
 */
function readTarball(tarball: string): Package {
  const read = createPackageFromTarballData(readFileSync(tarball));
  const home = `/node_modules/${read.packageName}`;
  const { type } = JSON.parse(read.readFile(`${home}/package.json`)) as { readonly type?: string };
  const files: Record<string, string | Uint8Array> = {};
  for (const file of read.listFiles()) files[file] = read.readFile(file);
  files[`${home}/dist/package.json`] ??= JSON.stringify({ type });
  const folders = new Set<string>();
  for (const file of Object.keys(files))
    for (let end = file.lastIndexOf('/'); end > 0; end = file.lastIndexOf('/', end - 1))
      folders.add(file.slice(0, end));
  const result = new Package(files, read.packageName, read.packageVersion);
  result.directoryExists = (folder) => folders.has(folder.replace(/\/$/, ''));
  return result;
}

let packed: readonly PackedPackage[];
const directories: string[] = [];
const tarballsOf = (...names: string[]): string[] =>
  packed.filter(({ name }) => names.includes(name.replace('@ogong/', ''))).map(({ tarball }) => tarball);

beforeAll(() => {
  packed = packAll();
});
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

describe('each published package', () => {
  it('passes publint', async () => {
    for (const { name, tarball } of packed) {
      const file = new Blob([readFileSync(tarball)]);
      const pack = { tarball: await file.arrayBuffer() };
      const { messages, pkg } = await publint({ strict: true, pack });
      expect(
        messages.map((message) => formatMessage(message, pkg)),
        name,
      ).toEqual([]);
    }
  });

  it('has types that resolve from every entry', async () => {
    for (const { name, tarball } of packed) {
      const found = await checkPackage(readTarball(tarball));
      if (!found.types) throw new Error(`${name} has no types`);
      // The packages are ES modules for Node 24. CommonJS and Node 10 are not supported.
      const problems = found.problems.filter(
        (problem) =>
          !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)) &&
          !('resolutionOption' in problem && problem.resolutionOption === 'node10'),
      );
      expect(problems, name).toEqual([]);
    }
  });

  it('holds no sources, tests or fixtures', () => {
    for (const { name, directory } of packed) {
      const files = readdirSync(directory, { recursive: true }).map(String);
      expect(
        files.filter((file) => (/\.ts$/.test(file) && !file.endsWith('.d.ts')) || /\.test\.|fixture|fuzz/.test(file)),
        name,
      ).toEqual([]);
      expect(existsSync(join(directory, 'LICENSE')), name).toBe(true);
    }
  });
});

/** Packages of the daemons that need no engine. */
const WITHOUT_ENGINE = [
  ...['gateway', 'router', 'validator', 'host', 'chain', 'attestation'],
  ...['protocol', 'hub', 'models', 'memory', 'postgres', 'sdk'],
];
const DAEMONS = ['ogong-routerd', 'ogong-gatewayd', 'ogong-validatord'];

/** Names of all programs of the packages. */
const PROGRAMS = [
  ...['ogong', 'ogong-gatewayd', 'ogong-mcp', 'ogong-memoryd', 'ogong-provider', 'ogong-relayd'],
  ...['ogong-routerd', 'ogong-signerd', 'ogong-stored', 'ogong-validatord', 'ogong-verifierd'],
];

/** The Nodes on the path that are older than the packages need. */
function listOldNodes(): string[] {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return candidates.filter((path) => existsSync(path) && readMajor(path) < NEEDED);
}

const NEEDED = 24;
const readMajor = (node: string): number =>
  Number(execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.')[0]);

/** A Node of another version, from the npm package that also brings this project's; undefined if npm has none for this machine. */
async function fetchNode(major: number): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-node-'));
  directories.push(directory);
  const name = `node-${process.platform}-${process.arch}`;
  const flags = ['--prefix', directory, '--no-save', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  try {
    await run(npm, ['install', ...flags, `${name}@${major}`]);
  } catch {
    return undefined;
  }
  return join(directory, 'node_modules', name, 'bin', 'node');
}

describe('an installation', () => {
  let directory: string;
  /** State of the project before the packages with an engine came. */
  let withoutEngine: { readonly installed: readonly string[]; readonly helps: readonly string[] };
  /** Runs a program that npm has put on the path of a project's scripts. */
  const start = (name: string, ...args: string[]) =>
    run(join(directory, 'node_modules', '.bin', name), args, {
      ...{ cwd: directory, maxBuffer: 16 * 1024 * 1024, shell: process.platform === 'win32' },
    });
  const ogong = (...args: string[]) => start('ogong', ...args);
  /** Starts the main command through npm, and each other program by itself. */
  const showHelp = (name: string) =>
    name === 'ogong'
      ? run(npm, ['exec', '--offline', '--', 'ogong', '--help'], { cwd: directory })
      : start(name, '--help');

  // The second installation adds to the first: most packages are in both.
  beforeAll(async () => {
    directory = createProject();
    await install(directory, tarballsOf(...WITHOUT_ENGINE));
    const helps = await Promise.all(DAEMONS.map(async (daemon) => (await start(daemon, '--help')).stdout));
    withoutEngine = { installed: listInstalled(directory), helps };
    await install(
      directory,
      packed.map(({ tarball }) => tarball),
    );
  }, 600_000);

  it('of the daemons without an engine has no native code, chain or fixtures, and they run', () => {
    const { installed, helps } = withoutEngine;
    expect(installed).toEqual(expect.arrayContaining(['@ogong/gateway', '@ogong/router', '@ogong/validator']));
    expect(installed.filter((name) => /llama|koffi|anvil|foundry|vitest|testing|engine|devnet/.test(name))).toEqual([]);
    expect(helps).toEqual(DAEMONS.map((daemon) => expect.stringContaining(`Usage: ${daemon}`)));
  });

  it('refuses an unknown command', async () => {
    await expect(ogong('nonsense')).rejects.toMatchObject({ code: 64 });
  });

  it('has all its programs, and each shows its help', async () => {
    const installed = readdirSync(join(directory, 'node_modules', '.bin')).filter((name) => /^ogong(-|$)/.test(name));
    expect(installed.filter((name) => !/\.(cmd|ps1)$/.test(name)).sort()).toEqual([...PROGRAMS].sort());
    const shown = await Promise.all(PROGRAMS.map(async (name) => [name, await showHelp(name)]));
    expect(shown).toEqual(
      PROGRAMS.map((name) => [
        name,
        { stdout: expect.stringContaining(name === 'ogong' ? 'Usage: ogong <command>' : '\nUsage: ogong'), stderr: '' },
      ]),
    );
  });

  it.skipIf(process.platform === 'win32')('says on an older Node which one it needs, in one line', async (context) => {
    const fetched = await fetchNode(22);
    const nodes = [...new Set([...listOldNodes(), ...(fetched === undefined ? [] : [fetched])])];
    if (nodes.length === 0) context.skip('this machine has no older Node, and npm brings none');
    for (const node of nodes) {
      for (const name of PROGRAMS) {
        const program = join(directory, 'node_modules', '.bin', name);
        const started = run(node, [program, '--help'], { cwd: directory });
        await expect(started, `${name} on Node ${readMajor(node)}`).rejects.toMatchObject({
          code: 69,
          stdout: '',
          stderr: expect.stringMatching(
            new RegExp(
              `^${name} needs Node ${NEEDED} or later, and this is Node ${readMajor(node)}\\.[^\n]*npm install node@24\n$`,
            ),
          ),
        });
      }
    }
  });

  it('brings up a network, and the SDK checks an answer of it, in Node and in a browser', async () => {
    const mesh = join(directory, 'mesh');
    await ogong('mesh', 'up', '--dir', mesh, '--model', 'stories260K', '--providers', '1', '--base-port', '0');
    try {
      const { stdout: status } = await ogong('mesh', 'status', '--dir', mesh);
      const gateway = `http://127.0.0.1:${/gateway +port (\d+)/.exec(status)?.[1]}`;
      for (const page of ['', 'explorer/', 'explorer/explorer.js']) {
        const { status: found } = await fetch(`${gateway}/${page}`, { headers: { accept: 'text/html' } });
        expect(found, page).toBe(200);
      }
      const saved = join(directory, 'receipt.json');
      const trust = join(mesh, 'trust.json');
      // A reader that comes before the validators have made the key of their beacon cannot check later signatures.
      const readKeys = () => JSON.parse(readFileSync(trust, 'utf8')).generations?.length ?? 0;
      await expect.poll(readKeys, { timeout: 180_000, interval: 500 }).toBe(1);
      // Daemons serve before the router has heard of them.
      const listModels = async () => ((await (await fetch(`${gateway}/v1/models`)).json()) as { data: [] }).data;
      await expect.poll(async () => (await listModels()).length).toBe(1);
      await ogong(
        'ask',
        'Once upon a time',
        '--gateway',
        gateway,
        '--max-tokens',
        '24',
        '--save',
        saved,
        '--trust',
        trust,
      );
      const verified = await ogong('verify', saved, '--trust', trust);
      expect(verified.stdout + verified.stderr).toContain('0 failed');

      const program = join(directory, 'check.js');
      writeFileSync(program, CHECK);
      const { stdout } = await run(process.execPath, [program, gateway, trust], { cwd: directory });
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, forged: false });
    } finally {
      await ogong('mesh', 'down', '--dir', mesh);
    }
  });

  it.skipIf(browserReason !== undefined)(`is bundled for a browser ${browserReason ?? ''}`, async () => {
    const entry = join(directory, 'browser.js');
    writeFileSync(entry, "export { createClient, verifyReceipt } from '@ogong/sdk';\n");
    const browser = await openBrowserPage(await bundle(entry));
    try {
      expect(
        await browser.page.evaluate(() =>
          Object.entries((globalThis as never as { ogong: object }).ogong).map(([name, value]) => [name, typeof value]),
        ),
      ).toEqual(
        expect.arrayContaining([
          ['createClient', 'function'],
          ['verifyReceipt', 'function'],
        ]),
      );
    } finally {
      await browser.close();
    }
  });
});

/** A consumer's program: it asks, checks, and sees that a changed answer fails. */
const CHECK = `
import { readFileSync } from 'node:fs';
import { createClient, parseTrust, verifyReceipt } from '@ogong/sdk';
const [gateway, file] = process.argv.slice(2);
const trust = parseTrust(JSON.parse(readFileSync(file, 'utf8')));
const client = createClient({ baseUrl: gateway, trust });
const models = await (await fetch(gateway + '/v1/models')).json();
const params = { model: models.data[0].id, messages: [{ role: 'user', content: 'Once' }], max_tokens: 16 };
const { response, receipt, checks, replies } = await client.chat.completions.create(params);
const encode = (text) => new TextEncoder().encode(text);
// The body as it was sent: the client adds a salt.
const [{ request }, nowMs] = [replies[0], Date.now()];
const verify = (text) => verifyReceipt(receipt, { request, response: encode(text), trust, nowMs });
const text = response.choices[0].message.content;
console.log(JSON.stringify({
  ok: (await verify(text)).ok && checks.every(({ status }) => status !== 'fail'),
  forged: (await verify(text + '!')).ok,
}));
`;
