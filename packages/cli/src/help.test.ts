import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { localConfig, serveConfig } from '@ogong/provider/provider/provider-config';
import { describe, expect, it } from 'vitest';
import { askCommand } from './ask-command.ts';
import { backupCommand } from './backup/backup-command.ts';
import { calibrateCommand } from './calibrate/calibrate-command.ts';
import { doctorCommand } from './doctor/doctor-command.ts';
import { evidenceCommand } from './evidence-command.ts';
import { hubCommand } from './hub/hub-command.ts';
import { meshCommand } from './mesh-command.ts';
import { modelCommand } from './model-command.ts';
import { caseCommand } from './money/case-command.ts';
import { claimCommand } from './money/claim-command.ts';
import { earningsCommand } from './money/earnings-command.ts';
import { paramsCommand } from './money/params-command.ts';
import { payeeCommand } from './money/payee-command.ts';
import { replayCommand } from './replay-command.ts';
import { verifyCommand } from './verify-command.ts';
import { logsCommand } from './watch/logs-command.ts';
import { topCommand } from './watch/top-command.ts';

async function run(command: Command, ...argv: string[]): Promise<{ code: number; text: string; error: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const code = await command.run(argv, {
    write: (piece) => void written.push(piece),
    writeError: (piece) => void errors.push(piece),
  });
  return { code, text: written.join(''), error: errors.join('') };
}

const columnsOf = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('help', () => {
  it.each([
    [askCommand, []],
    [verifyCommand, []],
    [replayCommand, []],
    [evidenceCommand, []],
    [doctorCommand, []],
    [topCommand, []],
    [backupCommand, []],
    ...['create', 'check', 'restore'].map((verb) => [backupCommand, [verb]] as const),
    [logsCommand, []],
    [earningsCommand, []],
    [caseCommand, []],
    ...['list', 'appeal', 'draw', 'close', 'forfeit', 'collect', 'evict', 'contradiction', 'misrouting'].map(
      (verb) => [caseCommand, [verb]] as const,
    ),
    [paramsCommand, []],
    [payeeCommand, ['sign']],
    [claimCommand, []],
    [meshCommand, []],
    ...['up', 'status', 'logs', 'down'].map((verb) => [meshCommand, [verb]] as const),
    [modelCommand, []],
    ...['list', 'pull', 'verify', 'register', 'show', 'revoke'].map((verb) => [modelCommand, [verb]] as const),
    [hubCommand, []],
    ...[
      'push',
      'pull',
      'search',
      'card',
      'versions',
      'mirror',
      'pin',
      'unpin',
      'remove',
      'evaluate',
      'check-evaluation',
    ].map((verb) => [hubCommand, [verb]] as const),
    [calibrateCommand, []],
    ...['run', 'build', 'plan', 'merge', 'pictures', 'classes'].map((verb) => [calibrateCommand, [verb]] as const),
  ] as const)('of $name %j ends well and fits a terminal', async (command, verbs) => {
    const { code, text, error } = await run(command, ...verbs, '--help');
    expect([code, error]).toEqual([EXIT.ok, '']);
    expect(text).toContain(`ogong ${command.name}`);
    expect(columnsOf(text)).toBeLessThanOrEqual(100);
  });

  it.each([localConfig, serveConfig])('of a daemon fits a terminal', (config) => {
    const printed = config.parse(['--help'], {});
    expect(printed.kind === 'print' && columnsOf(printed.text)).toBeLessThanOrEqual(100);
  });

  it('of a group names its commands and ends with examples; a wrong one is an error', async () => {
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const { code, text } = await run(modelCommand, ...argv);
      expect([code, text]).toEqual([
        EXIT.ok,
        expect.stringMatching(/ {2}pull .*\n[\s\S]*Examples:\n {2}ogong model pull/),
      ]);
    }
    const { code, error } = await run(modelCommand, 'melt');
    expect([code, error]).toEqual([EXIT.usage, expect.stringContaining('there is no melt; say list, pull')]);
  });
});

describe('a path that is no file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-help-'));
  it('is named in plain words', async () => {
    const { code, error } = await run(verifyCommand, folder);
    expect([code, error]).toEqual([2, `ogong verify: ${folder}: this is a directory; name a file\n`]);
    await expect(run(askCommand, 'hi', '--trust', folder)).rejects.toMatchObject({ code: 'EISDIR', path: folder });
    rmSync(folder, { recursive: true });
  });

  it('is refused before a request that costs money', async () => {
    // Nobody listens there, so a call that is not refused before fails in another way.
    const save = (path: string) => run(askCommand, 'hi', '--gateway', '127.0.0.1:1', '--save', path);
    await expect(save('/nonexistent/receipt.json')).rejects.toThrow(
      '--save /nonexistent/receipt.json: there is no directory',
    );
    await expect(save(tmpdir())).rejects.toThrow('this is no file');
    expect((await save(join(tmpdir(), 'receipt.json'))).error).toContain('nobody answers');
  });
});

it('a file of trust that is no JSON is named', async () => {
  await expect(run(askCommand, 'hi', '--trust', import.meta.filename)).rejects.toThrow(
    /--trust .*help\.test\.ts: not JSON/,
  );
});
