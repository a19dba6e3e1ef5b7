import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root as repository } from './steps.ts';

let root: string;
const half = (): string => join(root, 'node_modules', 'half');
const npmPid = (): string => join(root, 'npm.pid');

/** Stands for npm: a shell script. */
function writeNpm(script: string): void {
  const path = join(root, 'bin', 'npm');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function start() {
  const { PATH } = process.env;
  return spawn(process.execPath, [join(root, 'scripts', 'run.mjs'), 'entry.ts'], {
    env: { ...process.env, PATH: [join(root, 'bin'), PATH].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    // A zombie is no process that works.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ogong-run-'));
  for (const folder of ['scripts', 'bin', 'packages/a']) mkdirSync(join(root, folder), { recursive: true });
  for (const name of ['run.mjs', 'join-programs.mjs'])
    copyFileSync(join(repository, 'scripts', name), join(root, 'scripts', name));
  writeFileSync(join(root, 'package.json'), '{"optionalDependencies": {}}');
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(join(root, 'entry.ts'), "console.log('it runs');\n");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('the first run of a clone', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends npm at once on %s, and the next one begins anew', async (signal) => {
    writeNpm(
      `trap '' INT TERM\nmkdir -p '${half()}'\necho half > '${half()}/package.json'\necho $$ > '${npmPid()}'\nexec sleep 600`,
    );
    const first = start();
    const errors = text(first.stderr);
    const readPid = (): number => (existsSync(npmPid()) ? Number(readFileSync(npmPid(), 'utf8')) : 0);
    await expect.poll(readPid).toBeGreaterThan(0);
    first.kill(signal);
    const [code] = await once(first, 'exit');
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(await errors).toContain('interrupted; nothing was installed, and the same command begins anew');
    await expect.poll(() => isGone(readPid())).toBe(true);

    // The first run's leftovers are gone before npm starts again.
    writeNpm(`[ -e '${half()}' ] && exit 9\nmkdir -p '${join(root, 'node_modules')}'`);
    const second = start();
    expect(await text(second.stdout)).toBe('it runs\n');
  });

  it('says what to do where npm fails, and keeps its exit code', async () => {
    writeNpm('exit 7');
    const run = start();
    expect(await text(run.stderr)).toContain('npm install failed; check the network and the npm registry');
    expect(run.exitCode ?? (await once(run, 'exit'))[0]).toBe(7);
  });

  it('tells the program how it was started, for a later restart', async () => {
    writeNpm(`mkdir -p '${join(root, 'node_modules')}'`);
    writeFileSync(join(root, 'entry.ts'), 'console.log(process.env.OGONG_LAUNCHER);\n');
    expect(JSON.parse(await text(start().stdout))).toEqual([join(root, 'scripts', 'run.mjs'), 'entry.ts']);
  });

  it('installs once', async () => {
    writeNpm(`mkdir -p '${join(root, 'node_modules')}'`);
    expect(await text(start().stdout)).toBe('it runs\n');
    writeNpm('exit 7');
    expect(await text(start().stdout)).toBe('it runs\n');
  });
});

describe.skipIf(process.platform === 'win32')('a program of the packages', () => {
  const ENTRY = 'packages/a/src/bin/program.ts';
  let programPid: number;

  /** Started as npm starts it: a shell stands between. */
  async function startProgram(): Promise<{ readonly shell: number; readonly launcher: number }> {
    writeNpm(`mkdir -p '${join(root, 'node_modules')}'`);
    const tether = join('packages', 'devnet', 'src', 'mesh', 'tether.ts');
    for (const path of [tether, ENTRY]) mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(join(repository, tether), join(root, tether));
    const program = 'console.log(JSON.stringify([process.ppid, process.pid])); setInterval(() => {}, 1000);\n';
    writeFileSync(join(root, ENTRY), program);
    const { PATH } = process.env;
    const run = join(root, 'scripts', 'run.mjs');
    const shell = spawn('sh', ['-c', `'${process.execPath}' '${run}' ${ENTRY}; true`], {
      env: { ...process.env, PATH: [join(root, 'bin'), PATH].join(delimiter), npm_lifecycle_event: 'program' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [said] = (await once(shell.stdout, 'data')) as [Buffer];
    const [launcher, pid] = JSON.parse(String(said)) as [number, number];
    programPid = pid;
    return { shell: shell.pid as number, launcher };
  }
  afterEach(async () => {
    if (!(await isGone(programPid))) process.kill(programPid, 'SIGKILL');
  });

  it.each(['shell', 'launcher'] as const)('ends where its %s is killed', async (which) => {
    const pids = await startProgram();
    expect(await isGone(programPid)).toBe(false);
    process.kill(pids[which], 'SIGKILL');
    await expect.poll(() => isGone(programPid)).toBe(true);
    await expect.poll(() => isGone(pids.launcher)).toBe(true);
  });
});
