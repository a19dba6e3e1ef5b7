import { ConfigError } from '@ogong/host/config/config-error';
import { describe, expect, it } from 'vitest';
import { parseDemoOptions } from './options.ts';
import { planRequest } from './prompts.ts';

describe('options of the demo', () => {
  it('default to 24 requests and a pre-filling cheat', () => {
    expect(parseDemoOptions([])).toMatchObject({
      model: 'stories15M',
      requests: 24,
      cheat: 'prefill',
      isOnce: false,
      hasChaos: false,
      economy: 'ogong',
      beacon: 'threshold',
      pictures: 'also',
      shards: 'also',
      hub: 'also',
    });
    expect(parseDemoOptions(['--economy', 'burn-and-mint'])).toMatchObject({ economy: 'burn-and-mint' });
    expect(parseDemoOptions(['--beacon', 'vrf'])).toMatchObject({ beacon: 'vrf' });
    expect(() => parseDemoOptions(['--beacon', 'dice'])).toThrow(ConfigError);
  });

  it('include every flag', () => {
    const argv = '--once --json out.json --chaos --cheat none --requests 30 --model hf:a/b:q8_0'.split(' ');
    expect(parseDemoOptions(argv)).toMatchObject({
      isOnce: true,
      jsonFile: 'out.json',
      hasChaos: true,
      cheat: 'none',
      requests: 30,
      model: 'hf:a/b:q8_0',
    });
    expect(parseDemoOptions(['--help'])).toEqual({ help: expect.stringContaining('--economy') });
  });

  it('play an attack without a cheat', () => {
    expect(parseDemoOptions(['--attack', 'idle-links'])).toMatchObject({
      attack: 'idle-links',
      ...{ cheat: 'none', pictures: 'off', shards: 'off', hub: 'off' },
    });
  });

  it('run machines without a cheat', () => {
    expect(parseDemoOptions(['--tee', 'software'])).toMatchObject({
      tee: 'software',
      ...{ cheat: 'none', pictures: 'off', shards: 'off', hub: 'off' },
    });
  });

  it.each([
    [['--tee', 'dstack']],
    [['--tee', 'software', '--chaos']],
    [['--cheat', 'lie']],
    [['--requests', '0']],
    [['--requests', '1e3']],
    [['--economy', 'gold']],
    [['--pictures', 'many']],
    [['--shards', 'many']],
    [['--hub', 'many']],
    [['--pictures', 'only', '--shards', 'only']],
    [['--shards', 'only', '--hub', 'only']],
    [['--unknown']],
    [['extra']],
  ])('refuses %s', (argv) => {
    expect(() => parseDemoOptions(argv)).toThrow(ConfigError);
  });
});

describe('prompts of the demo', () => {
  it('are distinct, streamed and not, and use every kind of sampling', () => {
    const planned = Array.from({ length: 24 }, (_, i) => planRequest(i + 1, 64));
    expect(new Set(planned.map(({ prompt, parameters }) => JSON.stringify([prompt, parameters]))).size).toBe(24);
    expect(planned.filter(({ isStreamed }) => isStreamed)).toHaveLength(12);
    for (const key of ['seed', 'top_p', 'stop', 'presence_penalty']) {
      expect(planned.some(({ parameters }) => key in parameters)).toBe(true);
    }
    expect(planRequest(5, 64)).toEqual(planRequest(5, 64));
  });
});
