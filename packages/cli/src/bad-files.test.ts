import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '@ogong/host/lifecycle/command';
import { describeFailure, EXIT, getExitCode } from '@ogong/host/log/errors';
import { modelCommands } from '@ogong/provider/commands/model-commands';
import { configure } from '@ogong/provider/provider/configure-command';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askCommand } from './ask-command.ts';
import { calibrateCommand } from './calibrate/calibrate-command.ts';
import { meshCommand } from './mesh-command.ts';
import { modelCommand } from './model-command.ts';
import { earningsCommand } from './money/earnings-command.ts';
import { replayCommand } from './replay-command.ts';
import { signerCommand } from './signer-command.ts';
import { verifyCommand } from './verify-command.ts';

const folder = join(tmpdir(), `ogong-bad-files-${process.pid}`);
const DIRECTORY = join(folder, 'directory');
const GARBAGE = join(folder, 'garbage');
const EMPTY = join(folder, 'empty');
const LIST = join(folder, 'list.json');

beforeEach(() => {
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
  writeFileSync(
    GARBAGE,
    Uint8Array.from({ length: 5000 }, (_, i) => (i * 97 + 13) & 255),
  );
  writeFileSync(EMPTY, '');
  writeFileSync(LIST, '[null]');
});
afterEach(() => rmSync(folder, { recursive: true }));

const modelCommandOf = (name: string): Command => modelCommands.find((each) => each.name === name) as Command;

const configureCommand: Command = {
  ...{ name: 'configure', summary: '' },
  async run(argv, output) {
    output.write(configure(argv));
    return EXIT.ok;
  },
};

const FILES = {
  'a directory': DIRECTORY,
  'a file that is not there': join(folder, 'missing'),
  garbage: GARBAGE,
  'an empty file': EMPTY,
  'other JSON': LIST,
};

const ID = 'ogong/verified/maker/model';
const HASH = 'ab'.repeat(32);
const ADDRESS = `0x${'ab'.repeat(20)}`;

/** Commands with a file in each place for one. */
const COMMANDS: readonly (readonly [string, Command, (file: string) => readonly string[]])[] = [
  ['verify', verifyCommand, (file) => [file]],
  ['verify --trust', verifyCommand, (file) => [LIST, '--trust', file]],
  ['replay', replayCommand, (file) => [file, '--model', 'stories260K']],
  ['ask --trust', askCommand, (file) => ['hi', '--gateway', '127.0.0.1:1', '--trust', file]],
  ['ask --deployment', askCommand, (file) => ['hi', '--gateway', '127.0.0.1:1', '--deployment', file]],
  ['ask --config', askCommand, (file) => ['hi', '--gateway', '127.0.0.1:1', '--config', file]],
  ['earnings --deployment', earningsCommand, (file) => ['--provider', HASH, '--payee', ADDRESS, '--deployment', file]],
  ['model list --deployment', modelCommand, (file) => ['list', '--deployment', file]],
  ['model show --deployment', modelCommand, (file) => ['show', ID, '--deployment', file]],
  [
    'model register --deployment',
    modelCommand,
    (file) => ['register', ID, '--model', 'stories260K', '--licence', 'MIT', '--keypair', file, '--deployment', file],
  ],
  ['model pull', modelCommand, (file) => ['pull', `file:${file}`, '--models-dir', join(folder, 'models')]],
  ['calibrate show', calibrateCommand, (file) => ['show', file]],
  ['calibrate plan', calibrateCommand, (file) => ['plan', file]],
  ['calibrate diff', calibrateCommand, (file) => ['diff', file, file]],
  ['calibrate sign', calibrateCommand, (file) => ['sign', file, '--key', file]],
  ['calibrate merge', calibrateCommand, (file) => ['merge', file, file, '--out', join(folder, 'merged.json')]],
  ['calibrate build', calibrateCommand, (file) => ['build', '--samples', file, '--out', join(folder, 'table.json')]],
  ['calibrate publish', calibrateCommand, (file) => ['publish', file, '--deployment', file, '--ledger-key', file]],
  ['mesh status', meshCommand, (file) => ['status', '--dir', file]],
  [
    'signer --keypair',
    signerCommand,
    (file) => ['--keypair', file, '--account', ADDRESS, '--data-dir', join(folder, 'signer')],
  ],
  ['ogong-provider list --config', modelCommandOf('list'), (file) => ['--config', file, '--data-dir', folder]],
  ['ogong-provider list', modelCommandOf('list'), (file) => ['--models-dir', file, '--data-dir', folder]],
  [
    'ogong-provider pull',
    modelCommandOf('pull'),
    (file) => [`file:${file}`, '--models-dir', join(folder, 'models'), '--data-dir', folder],
  ],
  ['ogong-provider configure', configureCommand, () => ['--price', '5', '--data-dir', folder]],
  ['ogong-provider show', modelCommandOf('show'), () => ['--data-dir', folder]],
];

async function run(command: Command, argv: readonly string[]): Promise<{ code: number; text: string }> {
  const said: string[] = [];
  try {
    const code = await command.run(argv, {
      write: (text) => void said.push(text),
      writeError: (text) => void said.push(text),
    });
    return { code, text: said.join('') };
  } catch (error) {
    return { code: getExitCode(error), text: describeFailure(error) };
  }
}

/** Text that only a programmer understands. */
const RAW =
  /\bE[A-Z]{4,}\b|internal error|Unexpected (?:token|end)|SyntaxError|JSON at position|is not valid JSON|undefined|\n {4}at |TypeError|ZodError/;

describe.each(COMMANDS)('%s', (_, command, argvOf) => {
  it.each(Object.entries(FILES))('reports %s in plain words', async (_kind, file) => {
    // The file that `configure` and `show` read has a name of its own.
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) copyFileSync(file, join(folder, 'config.json'));
    const { code, text } = await run(command, argvOf(file));
    expect(text).not.toMatch(RAW);
    expect(text).not.toBe('');
    // An unforeseen failure has a status of its own.
    expect(code).not.toBe(EXIT.software);
  });
});
