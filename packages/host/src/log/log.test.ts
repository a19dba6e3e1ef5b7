import { ChainError } from '@ogong/chain/errors';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config/config-error.ts';
import { KeyFileError } from '../crypto/key-files.ts';
import { Secret } from '../crypto/secret.ts';
import { LinkError } from '../link/link-error.ts';
import { StoreError } from '../store/store-error.ts';
import { describeFailure, getExitCode } from './errors.ts';
import { createLogger } from './logger.ts';

function capture(level: 'info' | 'debug' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ name: 'ogong-routerd', level, destination: { write: (line) => lines.push(line) } });
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

describe('the log', () => {
  it('writes one JSON line per event, from its level up', () => {
    const { logger, parsed } = capture();
    logger.debug('hidden');
    logger.child({ requestId: 'r1' }).info({ peer: Uint8Array.of(0xab, 1), fee: 2n ** 60n }, 'matched');
    expect(parsed()).toEqual([
      expect.objectContaining({
        level: 'info',
        name: 'ogong-routerd',
        requestId: 'r1',
        peer: 'ab01',
        fee: '1152921504606846976',
        msg: 'matched',
        time: expect.any(Number),
      }),
    ]);
  });

  it('never writes a secret, at any depth', () => {
    const { logger, lines } = capture();
    const key = new Secret('hunter2');
    logger.child({ key }).info({ key, nested: { list: [key] }, text: `${key}` }, 'with %s and %o', key, { key });
    expect(lines.join()).not.toContain('hunter2');
    expect(lines.join()).toContain('[secret]');
  });

  it('gives expected errors a code and bugs a stack, with their causes', () => {
    const { logger, parsed } = capture();
    logger.error({ err: new StoreError('disk-full', 'full', { cause: new Error('inner') }) });
    logger.error({ err: new TypeError('bug') });
    expect(parsed()[0].err).toMatchObject({ type: 'StoreError', code: 'disk-full', cause: { message: 'inner' } });
    expect(parsed()[0].err).not.toHaveProperty('stack');
    expect(parsed()[1].err.stack).toContain('log.test.ts');
  });
});

describe('exit codes', () => {
  const inUse = Object.assign(new Error('listen'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 4544 });

  it.each([
    [new ConfigError('ogong', ['--bind needs a value']), 64, '--bind needs a value\nsee ogong --help'],
    [new KeyFileError('permissions', 'open to others'), 77, 'open to others'],
    [new StoreError('disk-full', 'full'), 74, 'full'],
    [new LinkError('unreachable', 'cannot reach it'), 69, 'cannot reach it'],
    [new LinkError('remote', 'refused'), 69, 'refused'],
    [new ChainError('reverted', 'refused'), 65, 'refused'],
    [new ChainError('too-costly', 'too much gas'), 65, 'too much gas'],
    [new ChainError('too-early', 'not yet'), 75, 'not yet'],
    [new ChainError('no-coin', 'no coin'), 64, 'no coin'],
    [new ChainError('bad-input', 'no such thing'), 64, 'no such thing'],
    [new ChainError('wrong-chain', 'another chain'), 78, 'another chain'],
    [new ChainError('rpc-unreachable', 'nobody there'), 69, 'nobody there'],
    [inUse, 69, '127.0.0.1:4544: the address is in use: stop the other program or choose another port'],
    [new TypeError('x is not a function'), 70, 'internal error: x is not a function'],
    ['thrown text', 70, 'internal error: thrown text'],
  ])('%s', (error, code, message) => {
    expect(getExitCode(error)).toBe(code);
    expect(describeFailure(error)).toBe(message);
  });
});
