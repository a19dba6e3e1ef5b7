import { expect, it } from 'vitest';
import { isLoopbackHost } from './loopback.ts';

it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.255.0.9', '::1', '[::1]', '0:0:0:0:0:0:0:1'])(
  'takes %s for this machine',
  (host) => expect(isLoopbackHost(host)).toBe(true),
);

it.each([
  '',
  '0.0.0.0',
  '::',
  '[::]',
  '128.0.0.1',
  '10.127.0.1',
  '127.0.0.256',
  '127.0.0',
  '127.1',
  '127.0.0.01',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil-localhost',
  ' localhost',
  'localhost\n',
  '127.0.0.1\n',
  '::11',
  '[::1',
  '::ffff:10.0.0.1',
  '1::1',
])('takes %j for another machine', (host) => expect(isLoopbackHost(host)).toBe(false));
