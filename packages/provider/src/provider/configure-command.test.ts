import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@ogong/host/config/config-error';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configPathOf, configure, showConfiguration } from './configure-command.ts';
import { serveConfig } from './provider-config.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-configure-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const cert = 'ab'.repeat(32);

describe('configure', () => {
  it('writes what serve reads, and changes only what is given', () => {
    configure(['--data-dir', directory, '--model', 'stories260K', '--price', '5', '--model-id', 'ogong/verified/a/b']);
    configure(['--data-dir', directory, '--price', '7', '--router', `127.0.0.1:1|${cert}`, '--deployment', 'd.json']);
    expect(JSON.parse(readFileSync(configPathOf(directory), 'utf8'))).toEqual({
      model: ['stories260K'],
      price: ['7'],
      modelId: ['ogong/verified/a/b'],
      router: [`127.0.0.1:1|${cert}`],
      deployment: 'd.json',
    });
    const parsed = serveConfig.parse(['--config', configPathOf(directory), '--price', '9'], {});
    expect(parsed).toMatchObject({
      kind: 'run',
      values: { price: [9n], model: ['stories260K'], router: [{ endpoint: { host: '127.0.0.1', port: 1 } }] },
    });
    expect(showConfiguration(directory)).toMatch(/"price": \[\s*"7"\s*\]/);
  });

  it('prints JSON for a script, and writes no flag of the printing', () => {
    expect(JSON.parse(showConfiguration(directory, true))).toEqual({});
    const printed = configure(['--data-dir', directory, '--price', '5', '--json']);
    expect(JSON.parse(printed)).toEqual({ path: configPathOf(directory), changed: ['price'] });
    expect(JSON.parse(showConfiguration(directory))).toEqual({ price: ['5'] });
  });

  it('writes nothing of what does not fit', () => {
    expect(() => configure(['--data-dir', directory, '--price', 'much', '--nonsense', '1'])).toThrow(ConfigError);
    expect(showConfiguration(directory)).toMatch(/nothing is configured/);
  });
});
