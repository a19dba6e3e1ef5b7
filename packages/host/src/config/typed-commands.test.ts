import { expect, it } from 'vitest';
import { ConfigError } from './config-error.ts';
import { defineConfig } from './define-config.ts';
import { explainTyping, nameAsTyped } from './typed-commands.ts';

const CLONE = { npm_lifecycle_event: 'ogong-provider' };

it.each([
  ['no models yet: ogong-provider pull stories15M', 'no models yet: npm run ogong-provider -- pull stories15M'],
  ['start a gateway (ogong mesh up), or name one', 'start a gateway (npm run ogong -- mesh up), or name one'],
  ['Keys are made with `ogong-gatewayd keys add`.', 'Keys are made with `npm run ogong-gatewayd -- keys add`.'],
  ['see ogong-relayd --help', 'see npm run ogong-relayd -- --help'],
  [new ConfigError('ogong ask', ['no']).message, 'no\nsee npm run ogong -- ask --help'],
  [new ConfigError('ogong', ['no']).message, 'no\nsee npm run ogong -- --help'],
  // The speaker, a path, and a name are no commands.
  ['ogong ask: nobody answers', 'ogong ask: nobody answers'],
  ['ogong: there is no command x', 'ogong: there is no command x'],
  ['~/.ogong/mesh and ogong/verified/a/b', '~/.ogong/mesh and ogong/verified/a/b'],
])('in a clone %j names what can be typed there', (text, typed) => {
  expect(nameAsTyped(text, CLONE)).toBe(typed);
  expect(nameAsTyped(text, {})).toBe(text);
  expect(nameAsTyped(text, { npm_lifecycle_event: 'test' })).toBe(text);
});

it('help says in a clone how its commands are typed there, and nothing elsewhere', () => {
  expect(explainTyping('ogong-provider', CLONE)).toBe('\nIn a clone, type: npm run ogong-provider -- ...\n');
  expect(explainTyping('ogong-provider', {})).toBe('');
  const config = defineConfig({ name: 'ogong-provider list', summary: 'Lists.', fields: {} });
  const help = config.parse(['--help'], CLONE);
  expect(help.kind === 'print' && help.text.endsWith(explainTyping('ogong-provider', CLONE))).toBe(true);
});
