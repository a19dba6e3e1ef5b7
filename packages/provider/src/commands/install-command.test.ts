import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installCommand, nameProgram, type ServiceMachine, uninstallCommand } from './install-command.ts';

let home: string;
let ran: string[];
let failing: string | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ogong-install-'));
  ran = [];
  failing = undefined;
});

afterEach(() => rmSync(home, { recursive: true }));

const machine = (platform: string): ServiceMachine => ({
  ...{ platform, home, uid: 501 },
  env: { OGONG_MODELS_DIR: '/models of mine', HF_TOKEN: 'secret' },
  program: ['/opt/node', '--disable-warning=ExperimentalWarning', '/opt/ogong-provider'],
  run(command) {
    ran.push(command.join(' '));
    return failing !== undefined && command.includes(failing) ? 'no bus' : undefined;
  },
});

async function run(platform: string, name: 'install' | 'uninstall', ...argv: string[]) {
  const written: string[] = [];
  const errors: string[] = [];
  const command = (name === 'install' ? installCommand : uninstallCommand)(() => machine(platform));
  const code = await command.run(argv, {
    write: (text) => void written.push(text),
    writeError: (text) => void errors.push(text),
  });
  return { code, text: written.join(''), error: errors.join('') };
}

const UNIT = 'ogong-provider-local.service';
const unitPath = () => join(home, '.config', 'systemd', 'user', UNIT);

describe('on Linux', () => {
  it('prints JSON alone for a script', async () => {
    const planned = await run('linux', 'install', 'local', '--dry-run', '--json');
    expect(JSON.parse(planned.text)).toMatchObject({ path: unitPath(), text: expect.stringContaining('[Unit]') });
    expect(existsSync(unitPath())).toBe(false);
    for (const state of ['started', 'unchanged']) {
      const { text, error } = await run('linux', 'install', 'local', '--json');
      expect([JSON.parse(text), error]).toEqual([expect.objectContaining({ path: unitPath(), state }), '']);
    }
    for (const state of ['deleted', 'absent']) {
      const { text, error } = await run('linux', 'uninstall', 'local', '--json');
      expect([JSON.parse(text), error]).toEqual([{ path: unitPath(), state }, '']);
    }
  });

  it('writes a unit once, starts it, and takes it away', async () => {
    const { code, error } = await run('linux', 'install', 'local', '--', '--model', 'stories15M');
    expect([code, error]).toEqual([0, expect.stringContaining(`journalctl --user -u ${UNIT}`)]);
    expect(readFileSync(unitPath(), 'utf8')).toContain(
      'ExecStart="/opt/node" "--disable-warning=ExperimentalWarning" "/opt/ogong-provider" "local" "--model" "stories15M"\n' +
        'Environment="OGONG_MODELS_DIR=/models of mine"\nRestart=on-failure\n',
    );
    const begun = [
      'systemctl --user daemon-reload',
      `systemctl --user enable ${UNIT}`,
      `systemctl --user restart ${UNIT}`,
    ];
    expect(readFileSync(unitPath(), 'utf8')).toContain('\nKillMode=mixed\n');
    expect(ran).toEqual(begun);
    const { mtimeNs } = statSync(unitPath(), { bigint: true });
    await run('linux', 'install', 'local', '--', '--model', 'stories15M');
    expect(statSync(unitPath(), { bigint: true }).mtimeNs).toBe(mtimeNs);
    expect(ran.slice(3)).toEqual([`systemctl --user enable --now ${UNIT}`]);
    await run('linux', 'install', 'local');
    expect(ran.slice(4)).toEqual(begun);
    ran = [];
    expect((await run('linux', 'uninstall', 'local')).code).toBe(0);
    expect([ran, existsSync(unitPath())]).toEqual([
      [`systemctl --user disable --now ${UNIT}`, 'systemctl --user daemon-reload'],
      false,
    ]);
    expect(await run('linux', 'uninstall', 'local')).toMatchObject({
      code: 0,
      error: expect.stringContaining('nothing is installed'),
    });
  });

  it('a dry run prints everything and does nothing', async () => {
    const { text } = await run('linux', 'install', 'serve', '--dry-run');
    expect(text).toMatch(/^# .*ogong-provider-serve\.service\n\[Unit\]\n[\s\S]*# systemctl --user restart/);
    expect((await run('linux', 'uninstall', 'serve', '--dry-run')).text).toContain('\nrm ');
    expect([ran, existsSync(join(home, '.config'))]).toEqual([[], false]);
  });

  it('no secret is written down, and words mean the same to systemd', async () => {
    const { text } = await run('linux', 'install', 'local', '--dry-run', '--', '--model', './a "b" $c %d.gguf');
    expect(text).not.toContain('secret');
    expect(text).toContain('"./a \\"b\\" $$c %%d.gguf"');
  });

  it('says what failed and leaves the file to be looked at', async () => {
    failing = 'enable';
    expect(await run('linux', 'install', 'local')).toMatchObject({
      ...{ code: 69, error: expect.stringContaining(`but not started: systemctl --user enable ${UNIT}: no bus`) },
    });
    expect(ran).toHaveLength(2);
  });
});

it('on macOS it is an agent, which forgets the former one first', async () => {
  await run('darwin', 'install', 'local', '--', '--model', '<a>&b.gguf');
  const path = join(home, 'Library', 'LaunchAgents', 'network.ogong.ogong-provider-local.plist');
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('    <string>&lt;a&gt;&amp;b.gguf</string>\n');
  expect(text).toContain('<key>OGONG_MODELS_DIR</key><string>/models of mine</string>');
  await run('darwin', 'install', 'local');
  const begin = `launchctl bootstrap gui/501 ${path}`;
  expect(ran).toEqual([begin, 'launchctl bootout gui/501/network.ogong.ogong-provider-local', begin]);
  await run('darwin', 'install', 'local');
  expect(ran).toHaveLength(3);
});

it.each([
  ['linux', ['gateway'], 'name local or serve'],
  ['linux', ['local', '--', '--modell', 'x'], 'unknown flag --modell (did you mean --model?)'],
  ['win32', ['local'], 'nothing is known here of services on win32'],
])('on %s %j is refused', async (platform, argv, message) => {
  await expect(run(platform, 'install', ...argv)).rejects.toThrow(message);
  expect(ran).toEqual([]);
});

describe('the program that starts at login', () => {
  const node = {
    execPath: '/opt/node',
    execArgv: ['--a'],
    argv: ['/opt/node', '/clone/.cache/programs/1/provider.mjs'],
  };

  it('is the launcher of a clone, whose path from its root does not change with its sources', () => {
    const launcher = JSON.stringify(['/clone/scripts/run.mjs', 'packages/provider/src/bin/ogong-provider.ts']);
    expect(nameProgram(node, launcher)).toEqual(['/opt/node', ...JSON.parse(launcher)]);
  });

  it.each([undefined, '["/clone/scripts/run.mjs","scripts/test.ts"]'])(
    'is the program itself where %s started it',
    (launcher) => {
      expect(nameProgram(node, launcher)).toEqual(['/opt/node', '--a', '/clone/.cache/programs/1/provider.mjs']);
    },
  );
});
