import { expect, it } from 'vitest';
import { describeTry } from './try-it.ts';

it('the demo names its explorer, and a call whose body is one', () => {
  const lines = describeTry('http://127.0.0.1:4546', 'ogong/verified/a/b').split('\n');
  expect(lines.find((line) => line.includes('stays up'))).toMatch(/ at http:\/\/127\.0\.0\.1:4546\/explorer\/$/);
  const call = lines.find((line) => line.includes('curl')) ?? '';
  expect(call).toContain('http://127.0.0.1:4546/v1/chat/completions');
  expect(JSON.parse(/-d '(.*)'$/.exec(call)?.[1] ?? '')).toMatchObject({ model: 'ogong/verified/a/b', stream: true });
});
